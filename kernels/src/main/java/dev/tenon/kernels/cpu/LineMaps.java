package dev.tenon.kernels.cpu;

import dev.tenon.engine.op.ArgMax;
import java.util.Arrays;

/** What {@link LineKernel} computes on one line, losses aside. */
final class LineMaps {
  private LineMaps() {}

  static void cumSum(float[] x, float[] y, int n, boolean reverse) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
      int at = reverse ? n - 1 - i : i;
      sum += x[at];
      y[at] = (float) sum;
    }
  }

  static float product(float[] x, int n) {
    double product = 1;
    for (int i = 0; i < n; i++) {
      product *= x[i];
    }
    return (float) product;
  }

  /** The product of g and all other elements, for each. */
  static void productGrad(float[] x, float g, float[] y, int n) {
    double[] before = new double[n];
    double product = g;
    for (int i = 0; i < n; i++) {
      before[i] = product;
      product *= x[i];
    }
    product = 1;
    for (int i = n - 1; i >= 0; i--) {
      y[i] = (float) (before[i] * product);
      product *= x[i];
    }
  }

  static float min(float[] x, int n) {
    float min = Float.POSITIVE_INFINITY;
    for (int i = 0; i < n; i++) {
      min = Math.min(min, x[i]);
    }
    return min;
  }

  static int argMax(float[] x, int n) {
    int best = 0;
    for (int i = 1; i < n; i++) {
      best = ArgMax.beats(x[i], x[best]) ? i : best;
    }
    return best;
  }

  /** Sorts keys of a value's bits, in the order of whole numbers, above its position. */
  static void argSort(float[] x, float[] y, int n, boolean descending) {
    long[] keys = new long[n];
    for (int i = 0; i < n; i++) {
      // Adding zero makes -0 equal to 0.
      int bits = Float.floatToIntBits(x[i] + 0f);
      int ordered = bits ^ (bits >> 31 & Integer.MAX_VALUE);
      keys[i] = (long) (descending ? ~ordered : ordered) << 32 | i;
    }
    Arrays.sort(keys);
    for (int i = 0; i < n; i++) {
      y[i] = (int) keys[i];
    }
  }
}
