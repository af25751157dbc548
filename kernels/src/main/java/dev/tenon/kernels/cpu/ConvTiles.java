package dev.tenon.kernels.cpu;

import jdk.incubator.vector.FloatVector;

/** The inner loops of convolutions over planes that {@link ConvPlanes} has laid out: each tap of the sum is an offset into the input. */
final class ConvTiles {
  /** Output channels of a tile. */
  static final int ROWS = 4;
  /** Elements of a tile of {@link #ROWS} channels. */
  static final int WIDE = 2 * Simd.LANES;
  /** Elements of a tile of one channel; also what arrays are rounded up to. */
  static final int LONG = 8 * Simd.LANES;
  /** Taps of a weight gradient's tile of one channel: the rows of the usual windows fit in without much rest. */
  static final int TAPS = 9;

  private ConvTiles() {}

  static int roundUp(int n, int unit) {
    return (n + unit - 1) / unit * unit;
  }

  /** Adds up the lanes of each vector of sums, halves first, into its first element. */
  static void addLanes(float[] sums) {
    for (int half = Simd.LANES / 2; half > 0; half /= 2) {
      for (int at = 0; at < sums.length; at += Simd.LANES) {
        for (int i = 0; i < half; i++) {
          sums[at + i] += sums[at + half + i];
        }
      }
    }
  }

  /**
   * Adds to elements {@code ci} … of four channels of C, {@code ldc} apart, the sums over taps {@code from} … {@code to} of a weight
   * times the input at {@code xi + offsets[tap]}. The channels' weights are {@code ldw} apart.
   */
  static void four(
      float[] w, int wi, int ldw, float[] x, int xi, int[] offsets, int from, int to, float[] c, int ci, int ldc) {
    int l = Simd.LANES;
    int w1 = wi + ldw;
    int w2 = wi + 2 * ldw;
    int w3 = wi + 3 * ldw;
    FloatVector c00 = FloatVector.fromArray(Simd.F32, c, ci);
    FloatVector c01 = FloatVector.fromArray(Simd.F32, c, ci + l);
    FloatVector c10 = FloatVector.fromArray(Simd.F32, c, ci + ldc);
    FloatVector c11 = FloatVector.fromArray(Simd.F32, c, ci + ldc + l);
    FloatVector c20 = FloatVector.fromArray(Simd.F32, c, ci + 2 * ldc);
    FloatVector c21 = FloatVector.fromArray(Simd.F32, c, ci + 2 * ldc + l);
    FloatVector c30 = FloatVector.fromArray(Simd.F32, c, ci + 3 * ldc);
    FloatVector c31 = FloatVector.fromArray(Simd.F32, c, ci + 3 * ldc + l);
    for (int p = from; p < to; p++) {
      int at = xi + offsets[p];
      FloatVector x0 = FloatVector.fromArray(Simd.F32, x, at);
      FloatVector x1 = FloatVector.fromArray(Simd.F32, x, at + l);
      FloatVector v0 = FloatVector.broadcast(Simd.F32, w[wi + p]);
      c00 = v0.fma(x0, c00);
      c01 = v0.fma(x1, c01);
      FloatVector v1 = FloatVector.broadcast(Simd.F32, w[w1 + p]);
      c10 = v1.fma(x0, c10);
      c11 = v1.fma(x1, c11);
      FloatVector v2 = FloatVector.broadcast(Simd.F32, w[w2 + p]);
      c20 = v2.fma(x0, c20);
      c21 = v2.fma(x1, c21);
      FloatVector v3 = FloatVector.broadcast(Simd.F32, w[w3 + p]);
      c30 = v3.fma(x0, c30);
      c31 = v3.fma(x1, c31);
    }
    c00.intoArray(c, ci);
    c01.intoArray(c, ci + l);
    c10.intoArray(c, ci + ldc);
    c11.intoArray(c, ci + ldc + l);
    c20.intoArray(c, ci + 2 * ldc);
    c21.intoArray(c, ci + 2 * ldc + l);
    c30.intoArray(c, ci + 3 * ldc);
    c31.intoArray(c, ci + 3 * ldc + l);
  }

  /** As {@link #four} for one channel, of which {@link #LONG} elements are computed. */
  static void one(float[] w, int wi, float[] x, int xi, int[] offsets, int from, int to, float[] c, int ci) {
    int l = Simd.LANES;
    FloatVector c0 = FloatVector.fromArray(Simd.F32, c, ci);
    FloatVector c1 = FloatVector.fromArray(Simd.F32, c, ci + l);
    FloatVector c2 = FloatVector.fromArray(Simd.F32, c, ci + 2 * l);
    FloatVector c3 = FloatVector.fromArray(Simd.F32, c, ci + 3 * l);
    FloatVector c4 = FloatVector.fromArray(Simd.F32, c, ci + 4 * l);
    FloatVector c5 = FloatVector.fromArray(Simd.F32, c, ci + 5 * l);
    FloatVector c6 = FloatVector.fromArray(Simd.F32, c, ci + 6 * l);
    FloatVector c7 = FloatVector.fromArray(Simd.F32, c, ci + 7 * l);
    for (int p = from; p < to; p++) {
      int at = xi + offsets[p];
      FloatVector v = FloatVector.broadcast(Simd.F32, w[wi + p]);
      c0 = v.fma(FloatVector.fromArray(Simd.F32, x, at), c0);
      c1 = v.fma(FloatVector.fromArray(Simd.F32, x, at + l), c1);
      c2 = v.fma(FloatVector.fromArray(Simd.F32, x, at + 2 * l), c2);
      c3 = v.fma(FloatVector.fromArray(Simd.F32, x, at + 3 * l), c3);
      c4 = v.fma(FloatVector.fromArray(Simd.F32, x, at + 4 * l), c4);
      c5 = v.fma(FloatVector.fromArray(Simd.F32, x, at + 5 * l), c5);
      c6 = v.fma(FloatVector.fromArray(Simd.F32, x, at + 6 * l), c6);
      c7 = v.fma(FloatVector.fromArray(Simd.F32, x, at + 7 * l), c7);
    }
    c0.intoArray(c, ci);
    c1.intoArray(c, ci + l);
    c2.intoArray(c, ci + 2 * l);
    c3.intoArray(c, ci + 3 * l);
    c4.intoArray(c, ci + 4 * l);
    c5.intoArray(c, ci + 5 * l);
    c6.intoArray(c, ci + 6 * l);
    c7.intoArray(c, ci + 7 * l);
  }

  /**
   * Adds, lane by lane, the products of four channels of g, {@code ldg} apart, with the input at two offsets to the sums of two taps,
   * a vector each, whose channels are {@code lds} apart.
   */
  static void fourSums(float[] g, int gi, int ldg, float[] x, int x0i, int x1i, int n, float[] sums, int si, int lds) {
    int l = Simd.LANES;
    FloatVector s00 = FloatVector.fromArray(Simd.F32, sums, si);
    FloatVector s01 = FloatVector.fromArray(Simd.F32, sums, si + l);
    FloatVector s10 = FloatVector.fromArray(Simd.F32, sums, si + lds);
    FloatVector s11 = FloatVector.fromArray(Simd.F32, sums, si + lds + l);
    FloatVector s20 = FloatVector.fromArray(Simd.F32, sums, si + 2 * lds);
    FloatVector s21 = FloatVector.fromArray(Simd.F32, sums, si + 2 * lds + l);
    FloatVector s30 = FloatVector.fromArray(Simd.F32, sums, si + 3 * lds);
    FloatVector s31 = FloatVector.fromArray(Simd.F32, sums, si + 3 * lds + l);
    for (int i = 0; i < n; i += l) {
      FloatVector x0 = FloatVector.fromArray(Simd.F32, x, x0i + i);
      FloatVector x1 = FloatVector.fromArray(Simd.F32, x, x1i + i);
      FloatVector g0 = FloatVector.fromArray(Simd.F32, g, gi + i);
      s00 = g0.fma(x0, s00);
      s01 = g0.fma(x1, s01);
      FloatVector g1 = FloatVector.fromArray(Simd.F32, g, gi + ldg + i);
      s10 = g1.fma(x0, s10);
      s11 = g1.fma(x1, s11);
      FloatVector g2 = FloatVector.fromArray(Simd.F32, g, gi + 2 * ldg + i);
      s20 = g2.fma(x0, s20);
      s21 = g2.fma(x1, s21);
      FloatVector g3 = FloatVector.fromArray(Simd.F32, g, gi + 3 * ldg + i);
      s30 = g3.fma(x0, s30);
      s31 = g3.fma(x1, s31);
    }
    s00.intoArray(sums, si);
    s01.intoArray(sums, si + l);
    s10.intoArray(sums, si + lds);
    s11.intoArray(sums, si + lds + l);
    s20.intoArray(sums, si + 2 * lds);
    s21.intoArray(sums, si + 2 * lds + l);
    s30.intoArray(sums, si + 3 * lds);
    s31.intoArray(sums, si + 3 * lds + l);
  }

  /** As {@link #fourSums} for one channel and the {@link #TAPS} taps from number {@code tap} on. */
  static void oneSum(float[] g, int gi, float[] x, int[] offsets, int tap, int n, float[] sums, int si) {
    int l = Simd.LANES;
    int x0 = offsets[tap];
    int x1 = offsets[tap + 1];
    int x2 = offsets[tap + 2];
    int x3 = offsets[tap + 3];
    int x4 = offsets[tap + 4];
    int x5 = offsets[tap + 5];
    int x6 = offsets[tap + 6];
    int x7 = offsets[tap + 7];
    int x8 = offsets[tap + 8];
    FloatVector s0 = FloatVector.fromArray(Simd.F32, sums, si);
    FloatVector s1 = FloatVector.fromArray(Simd.F32, sums, si + l);
    FloatVector s2 = FloatVector.fromArray(Simd.F32, sums, si + 2 * l);
    FloatVector s3 = FloatVector.fromArray(Simd.F32, sums, si + 3 * l);
    FloatVector s4 = FloatVector.fromArray(Simd.F32, sums, si + 4 * l);
    FloatVector s5 = FloatVector.fromArray(Simd.F32, sums, si + 5 * l);
    FloatVector s6 = FloatVector.fromArray(Simd.F32, sums, si + 6 * l);
    FloatVector s7 = FloatVector.fromArray(Simd.F32, sums, si + 7 * l);
    FloatVector s8 = FloatVector.fromArray(Simd.F32, sums, si + 8 * l);
    for (int i = 0; i < n; i += l) {
      FloatVector v = FloatVector.fromArray(Simd.F32, g, gi + i);
      s0 = v.fma(FloatVector.fromArray(Simd.F32, x, x0 + i), s0);
      s1 = v.fma(FloatVector.fromArray(Simd.F32, x, x1 + i), s1);
      s2 = v.fma(FloatVector.fromArray(Simd.F32, x, x2 + i), s2);
      s3 = v.fma(FloatVector.fromArray(Simd.F32, x, x3 + i), s3);
      s4 = v.fma(FloatVector.fromArray(Simd.F32, x, x4 + i), s4);
      s5 = v.fma(FloatVector.fromArray(Simd.F32, x, x5 + i), s5);
      s6 = v.fma(FloatVector.fromArray(Simd.F32, x, x6 + i), s6);
      s7 = v.fma(FloatVector.fromArray(Simd.F32, x, x7 + i), s7);
      s8 = v.fma(FloatVector.fromArray(Simd.F32, x, x8 + i), s8);
    }
    s0.intoArray(sums, si);
    s1.intoArray(sums, si + l);
    s2.intoArray(sums, si + 2 * l);
    s3.intoArray(sums, si + 3 * l);
    s4.intoArray(sums, si + 4 * l);
    s5.intoArray(sums, si + 5 * l);
    s6.intoArray(sums, si + 6 * l);
    s7.intoArray(sums, si + 7 * l);
    s8.intoArray(sums, si + 8 * l);
  }
}
