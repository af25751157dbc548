package dev.tenon.kernels.cpu;

/**
 * Sums that several tasks each have a part of. How many parts there are follows from the size of the work, and they are added in their
 * order, so that the total is the same for any number of threads.
 *
 * @param values part after part, {@code width} sums each
 */
record Partials(float[] values, int parts, int width) {
  static Partials of(int parts, int width) {
    return new Partials(new float[Math.multiplyExact(parts, width)], parts, width);
  }

  /** Stores sums of one part, {@code first} and those after it. */
  void set(int part, int first, float[] sums, int count) {
    System.arraycopy(sums, 0, values, part * width + first, count);
  }

  float[] total() {
    double[] sums = new double[width];
    for (int part = 0; part < parts; part++) {
      for (int i = 0; i < width; i++) {
        sums[i] += values[part * width + i];
      }
    }
    float[] total = new float[width];
    for (int i = 0; i < width; i++) {
      total[i] = (float) sums[i];
    }
    return total;
  }
}
