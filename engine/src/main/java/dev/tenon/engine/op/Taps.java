package dev.tenon.engine.op;

/**
 * What each element of a resampled axis is made of: a run of neighbouring elements of the old axis, each with its weight. The runs
 * move in one direction only, so the transpose has runs too.
 *
 * @param in elements of the old axis
 * @param first of each new element, the first old one
 * @param weights of each new element, the weights of that and the following old ones
 */
public record Taps(int in, int[] first, double[][] weights) {
  /** Elements of the new axis. */
  public int out() {
    return first.length;
  }

  /** The reverse map, which sends each new element's share back to the old ones it was made of. */
  public Taps transposed() {
    int[] start = new int[in];
    double[][] shares = new double[in][];
    int from = 0;
    int to = 0;
    for (int i = 0; i < in; i++) {
      while (from < out() && first[from] + weights[from].length <= i) {
        from++;
      }
      while (to < out() && first[to] <= i) {
        to++;
      }
      start[i] = from;
      shares[i] = new double[Math.max(0, to - from)];
      for (int o = from; o < to; o++) {
        shares[i][o - from] = weights[o][i - first[o]];
      }
    }
    return new Taps(out(), start, shares);
  }
}
