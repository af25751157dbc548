package dev.tenon.kernels.cpu;

import jdk.incubator.vector.FloatVector;

/**
 * The inner loops of depthwise convolutions. Several rows of one plane are in registers at a time, so that each vector of the input is
 * loaded once for all of a window's rows; the loop runs over the window's columns. Only methods of the Vector API are called: others
 * the compiler stops inlining in methods of this size.
 */
final class DepthwiseTiles {
  private DepthwiseTiles() {}

  /** Whether there are loops for windows of that size. */
  static boolean has(long kernel) {
    return kernel == 3 || kernel == 5 || kernel == 7;
  }

  /** Rows of a tile: with the weights of a column they fill 16 registers. */
  static int rows(int kernel) {
    return kernel == 7 ? 7 : 8;
  }

  /**
   * Correlates a vector of x and those in the rows below, {@code ldx} apart, with the window at {@code wi}: a vector each of
   * {@link #rows} rows of y, {@code ldy} apart.
   */
  static void tile(int kernel, float[] w, int wi, float bias, float[] x, int xi, int ldx, float[] y, int yi, int ldy) {
    switch (kernel) {
      case 3 -> three(w, wi, bias, x, xi, ldx, y, yi, ldy);
      case 5 -> five(w, wi, bias, x, xi, ldx, y, yi, ldy);
      default -> seven(w, wi, bias, x, xi, ldx, y, yi, ldy);
    }
  }

  private static void three(float[] w, int wi, float bias, float[] x, int xi, int ldx, float[] y, int yi, int ldy) {
    FloatVector y0 = FloatVector.broadcast(Simd.F32, bias);
    FloatVector y1 = y0;
    FloatVector y2 = y0;
    FloatVector y3 = y0;
    FloatVector y4 = y0;
    FloatVector y5 = y0;
    FloatVector y6 = y0;
    FloatVector y7 = y0;
    for (int k = 0; k < 3; k++) {
      int i = xi + k;
      FloatVector w0 = FloatVector.broadcast(Simd.F32, w[wi + k]);
      FloatVector w1 = FloatVector.broadcast(Simd.F32, w[wi + 3 + k]);
      FloatVector w2 = FloatVector.broadcast(Simd.F32, w[wi + 6 + k]);
      FloatVector x0 = FloatVector.fromArray(Simd.F32, x, i);
      FloatVector x1 = FloatVector.fromArray(Simd.F32, x, i + ldx);
      FloatVector x2 = FloatVector.fromArray(Simd.F32, x, i + 2 * ldx);
      y0 = w2.fma(x2, w1.fma(x1, w0.fma(x0, y0)));
      FloatVector x3 = FloatVector.fromArray(Simd.F32, x, i + 3 * ldx);
      y1 = w2.fma(x3, w1.fma(x2, w0.fma(x1, y1)));
      FloatVector x4 = FloatVector.fromArray(Simd.F32, x, i + 4 * ldx);
      y2 = w2.fma(x4, w1.fma(x3, w0.fma(x2, y2)));
      FloatVector x5 = FloatVector.fromArray(Simd.F32, x, i + 5 * ldx);
      y3 = w2.fma(x5, w1.fma(x4, w0.fma(x3, y3)));
      FloatVector x6 = FloatVector.fromArray(Simd.F32, x, i + 6 * ldx);
      y4 = w2.fma(x6, w1.fma(x5, w0.fma(x4, y4)));
      FloatVector x7 = FloatVector.fromArray(Simd.F32, x, i + 7 * ldx);
      y5 = w2.fma(x7, w1.fma(x6, w0.fma(x5, y5)));
      FloatVector x8 = FloatVector.fromArray(Simd.F32, x, i + 8 * ldx);
      y6 = w2.fma(x8, w1.fma(x7, w0.fma(x6, y6)));
      FloatVector x9 = FloatVector.fromArray(Simd.F32, x, i + 9 * ldx);
      y7 = w2.fma(x9, w1.fma(x8, w0.fma(x7, y7)));
    }
    y0.intoArray(y, yi);
    y1.intoArray(y, yi + ldy);
    y2.intoArray(y, yi + 2 * ldy);
    y3.intoArray(y, yi + 3 * ldy);
    y4.intoArray(y, yi + 4 * ldy);
    y5.intoArray(y, yi + 5 * ldy);
    y6.intoArray(y, yi + 6 * ldy);
    y7.intoArray(y, yi + 7 * ldy);
  }

  private static void five(float[] w, int wi, float bias, float[] x, int xi, int ldx, float[] y, int yi, int ldy) {
    FloatVector y0 = FloatVector.broadcast(Simd.F32, bias);
    FloatVector y1 = y0;
    FloatVector y2 = y0;
    FloatVector y3 = y0;
    FloatVector y4 = y0;
    FloatVector y5 = y0;
    FloatVector y6 = y0;
    FloatVector y7 = y0;
    for (int k = 0; k < 5; k++) {
      int i = xi + k;
      FloatVector w0 = FloatVector.broadcast(Simd.F32, w[wi + k]);
      FloatVector w1 = FloatVector.broadcast(Simd.F32, w[wi + 5 + k]);
      FloatVector w2 = FloatVector.broadcast(Simd.F32, w[wi + 10 + k]);
      FloatVector w3 = FloatVector.broadcast(Simd.F32, w[wi + 15 + k]);
      FloatVector w4 = FloatVector.broadcast(Simd.F32, w[wi + 20 + k]);
      FloatVector x0 = FloatVector.fromArray(Simd.F32, x, i);
      FloatVector x1 = FloatVector.fromArray(Simd.F32, x, i + ldx);
      FloatVector x2 = FloatVector.fromArray(Simd.F32, x, i + 2 * ldx);
      FloatVector x3 = FloatVector.fromArray(Simd.F32, x, i + 3 * ldx);
      FloatVector x4 = FloatVector.fromArray(Simd.F32, x, i + 4 * ldx);
      y0 = w4.fma(x4, w3.fma(x3, w2.fma(x2, w1.fma(x1, w0.fma(x0, y0)))));
      FloatVector x5 = FloatVector.fromArray(Simd.F32, x, i + 5 * ldx);
      y1 = w4.fma(x5, w3.fma(x4, w2.fma(x3, w1.fma(x2, w0.fma(x1, y1)))));
      FloatVector x6 = FloatVector.fromArray(Simd.F32, x, i + 6 * ldx);
      y2 = w4.fma(x6, w3.fma(x5, w2.fma(x4, w1.fma(x3, w0.fma(x2, y2)))));
      FloatVector x7 = FloatVector.fromArray(Simd.F32, x, i + 7 * ldx);
      y3 = w4.fma(x7, w3.fma(x6, w2.fma(x5, w1.fma(x4, w0.fma(x3, y3)))));
      FloatVector x8 = FloatVector.fromArray(Simd.F32, x, i + 8 * ldx);
      y4 = w4.fma(x8, w3.fma(x7, w2.fma(x6, w1.fma(x5, w0.fma(x4, y4)))));
      FloatVector x9 = FloatVector.fromArray(Simd.F32, x, i + 9 * ldx);
      y5 = w4.fma(x9, w3.fma(x8, w2.fma(x7, w1.fma(x6, w0.fma(x5, y5)))));
      FloatVector x10 = FloatVector.fromArray(Simd.F32, x, i + 10 * ldx);
      y6 = w4.fma(x10, w3.fma(x9, w2.fma(x8, w1.fma(x7, w0.fma(x6, y6)))));
      FloatVector x11 = FloatVector.fromArray(Simd.F32, x, i + 11 * ldx);
      y7 = w4.fma(x11, w3.fma(x10, w2.fma(x9, w1.fma(x8, w0.fma(x7, y7)))));
    }
    y0.intoArray(y, yi);
    y1.intoArray(y, yi + ldy);
    y2.intoArray(y, yi + 2 * ldy);
    y3.intoArray(y, yi + 3 * ldy);
    y4.intoArray(y, yi + 4 * ldy);
    y5.intoArray(y, yi + 5 * ldy);
    y6.intoArray(y, yi + 6 * ldy);
    y7.intoArray(y, yi + 7 * ldy);
  }

  private static void seven(float[] w, int wi, float bias, float[] x, int xi, int ldx, float[] y, int yi, int ldy) {
    FloatVector y0 = FloatVector.broadcast(Simd.F32, bias);
    FloatVector y1 = y0;
    FloatVector y2 = y0;
    FloatVector y3 = y0;
    FloatVector y4 = y0;
    FloatVector y5 = y0;
    FloatVector y6 = y0;
    for (int k = 0; k < 7; k++) {
      int i = xi + k;
      FloatVector w0 = FloatVector.broadcast(Simd.F32, w[wi + k]);
      FloatVector w1 = FloatVector.broadcast(Simd.F32, w[wi + 7 + k]);
      FloatVector w2 = FloatVector.broadcast(Simd.F32, w[wi + 14 + k]);
      FloatVector w3 = FloatVector.broadcast(Simd.F32, w[wi + 21 + k]);
      FloatVector w4 = FloatVector.broadcast(Simd.F32, w[wi + 28 + k]);
      FloatVector w5 = FloatVector.broadcast(Simd.F32, w[wi + 35 + k]);
      FloatVector w6 = FloatVector.broadcast(Simd.F32, w[wi + 42 + k]);
      FloatVector x0 = FloatVector.fromArray(Simd.F32, x, i);
      FloatVector x1 = FloatVector.fromArray(Simd.F32, x, i + ldx);
      FloatVector x2 = FloatVector.fromArray(Simd.F32, x, i + 2 * ldx);
      FloatVector x3 = FloatVector.fromArray(Simd.F32, x, i + 3 * ldx);
      FloatVector x4 = FloatVector.fromArray(Simd.F32, x, i + 4 * ldx);
      FloatVector x5 = FloatVector.fromArray(Simd.F32, x, i + 5 * ldx);
      FloatVector x6 = FloatVector.fromArray(Simd.F32, x, i + 6 * ldx);
      y0 = w6.fma(x6, w5.fma(x5, w4.fma(x4, w3.fma(x3, w2.fma(x2, w1.fma(x1, w0.fma(x0, y0)))))));
      FloatVector x7 = FloatVector.fromArray(Simd.F32, x, i + 7 * ldx);
      y1 = w6.fma(x7, w5.fma(x6, w4.fma(x5, w3.fma(x4, w2.fma(x3, w1.fma(x2, w0.fma(x1, y1)))))));
      FloatVector x8 = FloatVector.fromArray(Simd.F32, x, i + 8 * ldx);
      y2 = w6.fma(x8, w5.fma(x7, w4.fma(x6, w3.fma(x5, w2.fma(x4, w1.fma(x3, w0.fma(x2, y2)))))));
      FloatVector x9 = FloatVector.fromArray(Simd.F32, x, i + 9 * ldx);
      y3 = w6.fma(x9, w5.fma(x8, w4.fma(x7, w3.fma(x6, w2.fma(x5, w1.fma(x4, w0.fma(x3, y3)))))));
      FloatVector x10 = FloatVector.fromArray(Simd.F32, x, i + 10 * ldx);
      y4 = w6.fma(x10, w5.fma(x9, w4.fma(x8, w3.fma(x7, w2.fma(x6, w1.fma(x5, w0.fma(x4, y4)))))));
      FloatVector x11 = FloatVector.fromArray(Simd.F32, x, i + 11 * ldx);
      y5 = w6.fma(x11, w5.fma(x10, w4.fma(x9, w3.fma(x8, w2.fma(x7, w1.fma(x6, w0.fma(x5, y5)))))));
      FloatVector x12 = FloatVector.fromArray(Simd.F32, x, i + 12 * ldx);
      y6 = w6.fma(x12, w5.fma(x11, w4.fma(x10, w3.fma(x9, w2.fma(x8, w1.fma(x7, w0.fma(x6, y6)))))));
    }
    y0.intoArray(y, yi);
    y1.intoArray(y, yi + ldy);
    y2.intoArray(y, yi + 2 * ldy);
    y3.intoArray(y, yi + 3 * ldy);
    y4.intoArray(y, yi + 4 * ldy);
    y5.intoArray(y, yi + 5 * ldy);
    y6.intoArray(y, yi + 6 * ldy);
  }

  /** Rows of g that {@link #sums} takes at a time. */
  static int sumRows(int kernel) {
    return kernel == 3 ? 4 : kernel;
  }

  /**
   * Adds to the sums of each tap, a vector of lanes each, the products of {@link #sumRows} rows of g, {@code ldg} apart, with the rows
   * of x, {@code ldx} apart, that the tap reads for them. Rows are {@code n} long.
   */
  static void sums(int kernel, float[] g, int gi, int ldg, float[] x, int xi, int ldx, int n, float[] sums) {
    for (int k = 0; k < (kernel == 3 ? 1 : kernel); k++) {
      switch (kernel) {
        case 3 -> threeSums(g, gi, ldg, x, xi, ldx, n, sums, 0);
        case 5 -> fiveSums(g, gi, ldg, x, xi + k, ldx, n, sums, k * Simd.LANES);
        default -> sevenSums(g, gi, ldg, x, xi + k, ldx, n, sums, k * Simd.LANES);
      }
    }
  }

  private static void threeSums(float[] g, int gi, int ldg, float[] x, int xi, int ldx, int n, float[] sums, int si) {
    int l = Simd.LANES;
    FloatVector s00 = FloatVector.fromArray(Simd.F32, sums, si);
    FloatVector s01 = FloatVector.fromArray(Simd.F32, sums, si + l);
    FloatVector s02 = FloatVector.fromArray(Simd.F32, sums, si + 2 * l);
    FloatVector s10 = FloatVector.fromArray(Simd.F32, sums, si + 3 * l);
    FloatVector s11 = FloatVector.fromArray(Simd.F32, sums, si + 4 * l);
    FloatVector s12 = FloatVector.fromArray(Simd.F32, sums, si + 5 * l);
    FloatVector s20 = FloatVector.fromArray(Simd.F32, sums, si + 6 * l);
    FloatVector s21 = FloatVector.fromArray(Simd.F32, sums, si + 7 * l);
    FloatVector s22 = FloatVector.fromArray(Simd.F32, sums, si + 8 * l);
    for (int i = 0; i < n; i += l) {
      FloatVector g0 = FloatVector.fromArray(Simd.F32, g, gi + i);
      FloatVector g1 = FloatVector.fromArray(Simd.F32, g, gi + ldg + i);
      FloatVector g2 = FloatVector.fromArray(Simd.F32, g, gi + 2 * ldg + i);
      FloatVector g3 = FloatVector.fromArray(Simd.F32, g, gi + 3 * ldg + i);
      s00 = g0.fma(FloatVector.fromArray(Simd.F32, x, xi + i), s00);
      s01 = g0.fma(FloatVector.fromArray(Simd.F32, x, xi + i + 1), s01);
      s02 = g0.fma(FloatVector.fromArray(Simd.F32, x, xi + i + 2), s02);
      FloatVector x10 = FloatVector.fromArray(Simd.F32, x, xi + ldx + i);
      s00 = g1.fma(x10, s00);
      s10 = g0.fma(x10, s10);
      FloatVector x11 = FloatVector.fromArray(Simd.F32, x, xi + ldx + i + 1);
      s01 = g1.fma(x11, s01);
      s11 = g0.fma(x11, s11);
      FloatVector x12 = FloatVector.fromArray(Simd.F32, x, xi + ldx + i + 2);
      s02 = g1.fma(x12, s02);
      s12 = g0.fma(x12, s12);
      FloatVector x20 = FloatVector.fromArray(Simd.F32, x, xi + 2 * ldx + i);
      s00 = g2.fma(x20, s00);
      s10 = g1.fma(x20, s10);
      s20 = g0.fma(x20, s20);
      FloatVector x21 = FloatVector.fromArray(Simd.F32, x, xi + 2 * ldx + i + 1);
      s01 = g2.fma(x21, s01);
      s11 = g1.fma(x21, s11);
      s21 = g0.fma(x21, s21);
      FloatVector x22 = FloatVector.fromArray(Simd.F32, x, xi + 2 * ldx + i + 2);
      s02 = g2.fma(x22, s02);
      s12 = g1.fma(x22, s12);
      s22 = g0.fma(x22, s22);
      FloatVector x30 = FloatVector.fromArray(Simd.F32, x, xi + 3 * ldx + i);
      s00 = g3.fma(x30, s00);
      s10 = g2.fma(x30, s10);
      s20 = g1.fma(x30, s20);
      FloatVector x31 = FloatVector.fromArray(Simd.F32, x, xi + 3 * ldx + i + 1);
      s01 = g3.fma(x31, s01);
      s11 = g2.fma(x31, s11);
      s21 = g1.fma(x31, s21);
      FloatVector x32 = FloatVector.fromArray(Simd.F32, x, xi + 3 * ldx + i + 2);
      s02 = g3.fma(x32, s02);
      s12 = g2.fma(x32, s12);
      s22 = g1.fma(x32, s22);
      FloatVector x40 = FloatVector.fromArray(Simd.F32, x, xi + 4 * ldx + i);
      s10 = g3.fma(x40, s10);
      s20 = g2.fma(x40, s20);
      FloatVector x41 = FloatVector.fromArray(Simd.F32, x, xi + 4 * ldx + i + 1);
      s11 = g3.fma(x41, s11);
      s21 = g2.fma(x41, s21);
      FloatVector x42 = FloatVector.fromArray(Simd.F32, x, xi + 4 * ldx + i + 2);
      s12 = g3.fma(x42, s12);
      s22 = g2.fma(x42, s22);
      s20 = g3.fma(FloatVector.fromArray(Simd.F32, x, xi + 5 * ldx + i), s20);
      s21 = g3.fma(FloatVector.fromArray(Simd.F32, x, xi + 5 * ldx + i + 1), s21);
      s22 = g3.fma(FloatVector.fromArray(Simd.F32, x, xi + 5 * ldx + i + 2), s22);
    }
    s00.intoArray(sums, si);
    s01.intoArray(sums, si + l);
    s02.intoArray(sums, si + 2 * l);
    s10.intoArray(sums, si + 3 * l);
    s11.intoArray(sums, si + 4 * l);
    s12.intoArray(sums, si + 5 * l);
    s20.intoArray(sums, si + 6 * l);
    s21.intoArray(sums, si + 7 * l);
    s22.intoArray(sums, si + 8 * l);
  }

  private static void fiveSums(float[] g, int gi, int ldg, float[] x, int xi, int ldx, int n, float[] sums, int si) {
    int l = Simd.LANES;
    FloatVector s0 = FloatVector.fromArray(Simd.F32, sums, si);
    FloatVector s1 = FloatVector.fromArray(Simd.F32, sums, si + 5 * l);
    FloatVector s2 = FloatVector.fromArray(Simd.F32, sums, si + 10 * l);
    FloatVector s3 = FloatVector.fromArray(Simd.F32, sums, si + 15 * l);
    FloatVector s4 = FloatVector.fromArray(Simd.F32, sums, si + 20 * l);
    for (int i = 0; i < n; i += l) {
      FloatVector g0 = FloatVector.fromArray(Simd.F32, g, gi + i);
      FloatVector g1 = FloatVector.fromArray(Simd.F32, g, gi + ldg + i);
      FloatVector g2 = FloatVector.fromArray(Simd.F32, g, gi + 2 * ldg + i);
      FloatVector g3 = FloatVector.fromArray(Simd.F32, g, gi + 3 * ldg + i);
      FloatVector g4 = FloatVector.fromArray(Simd.F32, g, gi + 4 * ldg + i);
      FloatVector x0 = FloatVector.fromArray(Simd.F32, x, xi + i);
      FloatVector x1 = FloatVector.fromArray(Simd.F32, x, xi + ldx + i);
      FloatVector x2 = FloatVector.fromArray(Simd.F32, x, xi + 2 * ldx + i);
      FloatVector x3 = FloatVector.fromArray(Simd.F32, x, xi + 3 * ldx + i);
      FloatVector x4 = FloatVector.fromArray(Simd.F32, x, xi + 4 * ldx + i);
      s0 = g4.fma(x4, g3.fma(x3, g2.fma(x2, g1.fma(x1, g0.fma(x0, s0)))));
      FloatVector x5 = FloatVector.fromArray(Simd.F32, x, xi + 5 * ldx + i);
      s1 = g4.fma(x5, g3.fma(x4, g2.fma(x3, g1.fma(x2, g0.fma(x1, s1)))));
      FloatVector x6 = FloatVector.fromArray(Simd.F32, x, xi + 6 * ldx + i);
      s2 = g4.fma(x6, g3.fma(x5, g2.fma(x4, g1.fma(x3, g0.fma(x2, s2)))));
      FloatVector x7 = FloatVector.fromArray(Simd.F32, x, xi + 7 * ldx + i);
      s3 = g4.fma(x7, g3.fma(x6, g2.fma(x5, g1.fma(x4, g0.fma(x3, s3)))));
      FloatVector x8 = FloatVector.fromArray(Simd.F32, x, xi + 8 * ldx + i);
      s4 = g4.fma(x8, g3.fma(x7, g2.fma(x6, g1.fma(x5, g0.fma(x4, s4)))));
    }
    s0.intoArray(sums, si);
    s1.intoArray(sums, si + 5 * l);
    s2.intoArray(sums, si + 10 * l);
    s3.intoArray(sums, si + 15 * l);
    s4.intoArray(sums, si + 20 * l);
  }

  private static void sevenSums(float[] g, int gi, int ldg, float[] x, int xi, int ldx, int n, float[] sums, int si) {
    int l = Simd.LANES;
    FloatVector s0 = FloatVector.fromArray(Simd.F32, sums, si);
    FloatVector s1 = FloatVector.fromArray(Simd.F32, sums, si + 7 * l);
    FloatVector s2 = FloatVector.fromArray(Simd.F32, sums, si + 14 * l);
    FloatVector s3 = FloatVector.fromArray(Simd.F32, sums, si + 21 * l);
    FloatVector s4 = FloatVector.fromArray(Simd.F32, sums, si + 28 * l);
    FloatVector s5 = FloatVector.fromArray(Simd.F32, sums, si + 35 * l);
    FloatVector s6 = FloatVector.fromArray(Simd.F32, sums, si + 42 * l);
    for (int i = 0; i < n; i += l) {
      FloatVector g0 = FloatVector.fromArray(Simd.F32, g, gi + i);
      FloatVector g1 = FloatVector.fromArray(Simd.F32, g, gi + ldg + i);
      FloatVector g2 = FloatVector.fromArray(Simd.F32, g, gi + 2 * ldg + i);
      FloatVector g3 = FloatVector.fromArray(Simd.F32, g, gi + 3 * ldg + i);
      FloatVector g4 = FloatVector.fromArray(Simd.F32, g, gi + 4 * ldg + i);
      FloatVector g5 = FloatVector.fromArray(Simd.F32, g, gi + 5 * ldg + i);
      FloatVector g6 = FloatVector.fromArray(Simd.F32, g, gi + 6 * ldg + i);
      FloatVector x0 = FloatVector.fromArray(Simd.F32, x, xi + i);
      FloatVector x1 = FloatVector.fromArray(Simd.F32, x, xi + ldx + i);
      FloatVector x2 = FloatVector.fromArray(Simd.F32, x, xi + 2 * ldx + i);
      FloatVector x3 = FloatVector.fromArray(Simd.F32, x, xi + 3 * ldx + i);
      FloatVector x4 = FloatVector.fromArray(Simd.F32, x, xi + 4 * ldx + i);
      FloatVector x5 = FloatVector.fromArray(Simd.F32, x, xi + 5 * ldx + i);
      FloatVector x6 = FloatVector.fromArray(Simd.F32, x, xi + 6 * ldx + i);
      s0 = g6.fma(x6, g5.fma(x5, g4.fma(x4, g3.fma(x3, g2.fma(x2, g1.fma(x1, g0.fma(x0, s0)))))));
      FloatVector x7 = FloatVector.fromArray(Simd.F32, x, xi + 7 * ldx + i);
      s1 = g6.fma(x7, g5.fma(x6, g4.fma(x5, g3.fma(x4, g2.fma(x3, g1.fma(x2, g0.fma(x1, s1)))))));
      FloatVector x8 = FloatVector.fromArray(Simd.F32, x, xi + 8 * ldx + i);
      s2 = g6.fma(x8, g5.fma(x7, g4.fma(x6, g3.fma(x5, g2.fma(x4, g1.fma(x3, g0.fma(x2, s2)))))));
      FloatVector x9 = FloatVector.fromArray(Simd.F32, x, xi + 9 * ldx + i);
      s3 = g6.fma(x9, g5.fma(x8, g4.fma(x7, g3.fma(x6, g2.fma(x5, g1.fma(x4, g0.fma(x3, s3)))))));
      FloatVector x10 = FloatVector.fromArray(Simd.F32, x, xi + 10 * ldx + i);
      s4 = g6.fma(x10, g5.fma(x9, g4.fma(x8, g3.fma(x7, g2.fma(x6, g1.fma(x5, g0.fma(x4, s4)))))));
      FloatVector x11 = FloatVector.fromArray(Simd.F32, x, xi + 11 * ldx + i);
      s5 = g6.fma(x11, g5.fma(x10, g4.fma(x9, g3.fma(x8, g2.fma(x7, g1.fma(x6, g0.fma(x5, s5)))))));
      FloatVector x12 = FloatVector.fromArray(Simd.F32, x, xi + 12 * ldx + i);
      s6 = g6.fma(x12, g5.fma(x11, g4.fma(x10, g3.fma(x9, g2.fma(x8, g1.fma(x7, g0.fma(x6, s6)))))));
    }
    s0.intoArray(sums, si);
    s1.intoArray(sums, si + 7 * l);
    s2.intoArray(sums, si + 14 * l);
    s3.intoArray(sums, si + 21 * l);
    s4.intoArray(sums, si + 28 * l);
    s5.intoArray(sums, si + 35 * l);
    s6.intoArray(sums, si + 42 * l);
  }
}
