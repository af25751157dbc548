package dev.tenon.engine.op;

/**
 * Values between and around the elements of an axis, as PyTorch's {@code interpolate} defines them.
 *
 * @param out the new extent; where there is a {@code factor}, that decides
 * @param factor new positions per old one, or 0 for the ratio of the extents
 */
public record Interpolation(Method method, int out, double factor) implements Sampling {
  /** The kinds of interpolation. */
  public enum Method {
    /** The element at {@code ⌊i·in/out⌋}. */
    NEAREST,
    /** The element whose middle is nearest. */
    NEAREST_EXACT,
    /** Between the two neighbours; as far from the border as half an element, the border itself. */
    LINEAR,
    /** {@link #LINEAR} between the middles of the first and of the last element. */
    LINEAR_ALIGNED,
    /** {@link #LINEAR} over a stretch that widens where the axis shrinks. */
    LINEAR_ANTIALIAS,
    /** Cubic convolution (Keys, 1981) with a = −0.75; the border elements are repeated outwards. */
    CUBIC,
    /** {@link #CUBIC} between the middles of the first and of the last element. */
    CUBIC_ALIGNED,
    /** Cubic convolution with a = −0.5 over a stretch that widens where the axis shrinks; cut off at the border. */
    CUBIC_ANTIALIAS;

    private boolean aligned() {
      return this == LINEAR_ALIGNED || this == CUBIC_ALIGNED;
    }

    private boolean linear() {
      return this == LINEAR || this == LINEAR_ALIGNED || this == LINEAR_ANTIALIAS;
    }
  }

  /** To an axis of {@code out} elements. */
  public static Interpolation to(Method method, int out) {
    return new Interpolation(method, out, 0);
  }

  /** To an axis {@code factor} times as long, rounded down. */
  public static Interpolation by(Method method, double factor) {
    return new Interpolation(method, 0, factor);
  }

  @Override
  public int extent(int in) {
    return factor == 0 ? out : (int) Math.floor(in * factor);
  }

  @Override
  public void check(Op op, Spec x, int axis) {
    Check.that(x.dim(axis) > 0, op, "x", "of at least one element along dimension " + axis, x);
    int extent = extent((int) x.dim(axis));
    Check.that(factor >= 0 && extent > 0, op, "the new extent of dimension " + axis, "positive", extent);
  }

  @Override
  public Taps taps(int in) {
    int[] first = new int[extent(in)];
    double[][] weights = new double[first.length][];
    for (int i = 0; i < first.length; i++) {
      switch (method) {
        case NEAREST, NEAREST_EXACT -> {
          double at = method == Method.NEAREST ? i : i + 0.5;
          first[i] = (int) Math.min(in - 1, Math.floor(factor == 0 ? at * in / first.length : at / factor));
          weights[i] = new double[] {1};
        }
        case LINEAR_ANTIALIAS, CUBIC_ANTIALIAS -> widened(first, weights, i, in);
        case LINEAR, LINEAR_ALIGNED, CUBIC, CUBIC_ALIGNED -> sampled(first, weights, i, in);
      }
    }
    return new Taps(in, first, weights);
  }

  /** Old positions per new one. */
  private double step(int in) {
    int last = extent(in) - 1;
    if (method.aligned()) {
      return last == 0 ? 0 : (in - 1.0) / last;
    }
    return factor == 0 ? (double) in / (last + 1) : 1 / factor;
  }

  /** Two or four elements around the position of {@code i}; those beyond the border fall on the border. */
  private void sampled(int[] first, double[][] weights, int i, int in) {
    double at = method.aligned() ? step(in) * i : step(in) * (i + 0.5) - 0.5;
    at = method.linear() ? Math.max(0, at) : at;
    int reach = method.linear() ? 1 : 2;
    int from = (int) Math.floor(at) - reach + 1;
    first[i] = Math.clamp(from, 0, in - 1);
    weights[i] = new double[Math.clamp(from + 2L * reach - 1, 0, in - 1) - first[i] + 1];
    for (int j = from; j < from + 2 * reach; j++) {
      double distance = Math.abs(j - at);
      weights[i][Math.clamp(j, 0, in - 1) - first[i]] += method.linear() ? Math.max(0, 1 - distance) : cubic(distance, -0.75);
    }
  }

  /** The elements within the filter's reach of the middle of {@code i}, their weights made to sum to 1. */
  private void widened(int[] first, double[][] weights, int i, int in) {
    double stretch = Math.max(1, step(in));
    double reach = (method.linear() ? 1 : 2) * stretch;
    double center = step(in) * (i + 0.5);
    first[i] = Math.max(0, (int) (center - reach + 0.5));
    weights[i] = new double[Math.min(in, (int) (center + reach + 0.5)) - first[i]];
    double sum = 0;
    for (int k = 0; k < weights[i].length; k++) {
      double distance = Math.abs(first[i] + k - center + 0.5) / stretch;
      weights[i][k] = method.linear() ? Math.max(0, 1 - distance) : cubic(distance, -0.5);
      sum += weights[i][k];
    }
    for (int k = 0; k < weights[i].length; k++) {
      weights[i][k] /= sum;
    }
  }

  /** The cubic convolution kernel of slope {@code a} at distance 1. */
  private static double cubic(double x, double a) {
    if (x < 1) {
      return ((a + 2) * x - (a + 3)) * x * x + 1;
    }
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
  }
}
