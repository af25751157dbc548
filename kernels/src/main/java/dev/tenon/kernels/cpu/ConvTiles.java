package dev.tenon.kernels.cpu;

import jdk.incubator.vector.FloatVector;

/** The inner loops of convolutions over planes that {@link ConvPlanes} has laid out: each tap of the sum is an offset into the input. */
final class ConvTiles {
  /** Output channels of a tile, at least. */
  static final int ROWS = 4;
  /** Output channels of a tile where there are 32 registers. */
  static final int MANY_ROWS = Simd.LANES == 16 ? 8 : ROWS;
  /** Elements of a tile of {@link #ROWS} channels. */
  static final int WIDE = 2 * Simd.LANES;
  /** Elements of a tile of one channel; also what arrays are rounded up to. */
  static final int LONG = 8 * Simd.LANES;
  /** Taps of a weight gradient's tile of one channel: the rows of the usual windows fit in without much rest. */
  static final int TAPS = 9;
  /** Taps of a weight gradient's tile of {@link #ROWS} channels. */
  static final int SUM_TAPS = Simd.LANES == 16 ? 5 : 2;

  private ConvTiles() {}

  static int roundUp(int n, int unit) {
    return (n + unit - 1) / unit * unit;
  }

  /** Adds up the lanes of each of {@code size} sums that are vectors, halves first, into its first element. */
  static void addLanes(float[] sums, int size) {
    for (int half = Simd.LANES / 2; half > 0; half /= 2) {
      for (int at = 0; at < size; at += Simd.LANES) {
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

  /** As {@link #four} for eight channels. */
  static void eight(
      float[] w, int wi, int ldw, float[] x, int xi, int[] offsets, int from, int to, float[] c, int ci, int ldc) {
    int l = Simd.LANES;
    int w1 = wi + ldw;
    int w2 = wi + 2 * ldw;
    int w3 = wi + 3 * ldw;
    int w4 = wi + 4 * ldw;
    int w5 = wi + 5 * ldw;
    int w6 = wi + 6 * ldw;
    int w7 = wi + 7 * ldw;
    FloatVector c00 = FloatVector.fromArray(Simd.F32, c, ci);
    FloatVector c01 = FloatVector.fromArray(Simd.F32, c, ci + l);
    FloatVector c10 = FloatVector.fromArray(Simd.F32, c, ci + ldc);
    FloatVector c11 = FloatVector.fromArray(Simd.F32, c, ci + ldc + l);
    FloatVector c20 = FloatVector.fromArray(Simd.F32, c, ci + 2 * ldc);
    FloatVector c21 = FloatVector.fromArray(Simd.F32, c, ci + 2 * ldc + l);
    FloatVector c30 = FloatVector.fromArray(Simd.F32, c, ci + 3 * ldc);
    FloatVector c31 = FloatVector.fromArray(Simd.F32, c, ci + 3 * ldc + l);
    FloatVector c40 = FloatVector.fromArray(Simd.F32, c, ci + 4 * ldc);
    FloatVector c41 = FloatVector.fromArray(Simd.F32, c, ci + 4 * ldc + l);
    FloatVector c50 = FloatVector.fromArray(Simd.F32, c, ci + 5 * ldc);
    FloatVector c51 = FloatVector.fromArray(Simd.F32, c, ci + 5 * ldc + l);
    FloatVector c60 = FloatVector.fromArray(Simd.F32, c, ci + 6 * ldc);
    FloatVector c61 = FloatVector.fromArray(Simd.F32, c, ci + 6 * ldc + l);
    FloatVector c70 = FloatVector.fromArray(Simd.F32, c, ci + 7 * ldc);
    FloatVector c71 = FloatVector.fromArray(Simd.F32, c, ci + 7 * ldc + l);
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
      FloatVector v4 = FloatVector.broadcast(Simd.F32, w[w4 + p]);
      c40 = v4.fma(x0, c40);
      c41 = v4.fma(x1, c41);
      FloatVector v5 = FloatVector.broadcast(Simd.F32, w[w5 + p]);
      c50 = v5.fma(x0, c50);
      c51 = v5.fma(x1, c51);
      FloatVector v6 = FloatVector.broadcast(Simd.F32, w[w6 + p]);
      c60 = v6.fma(x0, c60);
      c61 = v6.fma(x1, c61);
      FloatVector v7 = FloatVector.broadcast(Simd.F32, w[w7 + p]);
      c70 = v7.fma(x0, c70);
      c71 = v7.fma(x1, c71);
    }
    c00.intoArray(c, ci);
    c01.intoArray(c, ci + l);
    c10.intoArray(c, ci + ldc);
    c11.intoArray(c, ci + ldc + l);
    c20.intoArray(c, ci + 2 * ldc);
    c21.intoArray(c, ci + 2 * ldc + l);
    c30.intoArray(c, ci + 3 * ldc);
    c31.intoArray(c, ci + 3 * ldc + l);
    c40.intoArray(c, ci + 4 * ldc);
    c41.intoArray(c, ci + 4 * ldc + l);
    c50.intoArray(c, ci + 5 * ldc);
    c51.intoArray(c, ci + 5 * ldc + l);
    c60.intoArray(c, ci + 6 * ldc);
    c61.intoArray(c, ci + 6 * ldc + l);
    c70.intoArray(c, ci + 7 * ldc);
    c71.intoArray(c, ci + 7 * ldc + l);
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
   * Adds, lane by lane, the products of four channels of g, {@code ldg} apart, with the input at the offsets of the {@link #SUM_TAPS}
   * taps from number {@code tap} on to the taps' sums, a vector each, whose channels are {@code lds} apart.
   */
  static void fourSums(float[] g, int gi, int ldg, float[] x, int[] offsets, int tap, int n, float[] sums, int si, int lds) {
    if (SUM_TAPS == 5) {
      fourByFive(g, gi, ldg, x, offsets, tap, n, sums, si, lds);
    } else {
      fourByTwo(g, gi, ldg, x, offsets, tap, n, sums, si, lds);
    }
  }

  private static void fourByFive(float[] g, int gi, int ldg, float[] x, int[] offsets, int tap, int n, float[] sums, int si, int lds) {
    int l = Simd.LANES;
    int x0i = offsets[tap];
    int x1i = offsets[tap + 1];
    int x2i = offsets[tap + 2];
    int x3i = offsets[tap + 3];
    int x4i = offsets[tap + 4];
    FloatVector s00 = FloatVector.fromArray(Simd.F32, sums, si);
    FloatVector s01 = FloatVector.fromArray(Simd.F32, sums, si + l);
    FloatVector s02 = FloatVector.fromArray(Simd.F32, sums, si + 2 * l);
    FloatVector s03 = FloatVector.fromArray(Simd.F32, sums, si + 3 * l);
    FloatVector s04 = FloatVector.fromArray(Simd.F32, sums, si + 4 * l);
    FloatVector s10 = FloatVector.fromArray(Simd.F32, sums, si + lds);
    FloatVector s11 = FloatVector.fromArray(Simd.F32, sums, si + lds + l);
    FloatVector s12 = FloatVector.fromArray(Simd.F32, sums, si + lds + 2 * l);
    FloatVector s13 = FloatVector.fromArray(Simd.F32, sums, si + lds + 3 * l);
    FloatVector s14 = FloatVector.fromArray(Simd.F32, sums, si + lds + 4 * l);
    FloatVector s20 = FloatVector.fromArray(Simd.F32, sums, si + 2 * lds);
    FloatVector s21 = FloatVector.fromArray(Simd.F32, sums, si + 2 * lds + l);
    FloatVector s22 = FloatVector.fromArray(Simd.F32, sums, si + 2 * lds + 2 * l);
    FloatVector s23 = FloatVector.fromArray(Simd.F32, sums, si + 2 * lds + 3 * l);
    FloatVector s24 = FloatVector.fromArray(Simd.F32, sums, si + 2 * lds + 4 * l);
    FloatVector s30 = FloatVector.fromArray(Simd.F32, sums, si + 3 * lds);
    FloatVector s31 = FloatVector.fromArray(Simd.F32, sums, si + 3 * lds + l);
    FloatVector s32 = FloatVector.fromArray(Simd.F32, sums, si + 3 * lds + 2 * l);
    FloatVector s33 = FloatVector.fromArray(Simd.F32, sums, si + 3 * lds + 3 * l);
    FloatVector s34 = FloatVector.fromArray(Simd.F32, sums, si + 3 * lds + 4 * l);
    for (int i = 0; i < n; i += l) {
      FloatVector g0 = FloatVector.fromArray(Simd.F32, g, gi + i);
      FloatVector g1 = FloatVector.fromArray(Simd.F32, g, gi + ldg + i);
      FloatVector g2 = FloatVector.fromArray(Simd.F32, g, gi + 2 * ldg + i);
      FloatVector g3 = FloatVector.fromArray(Simd.F32, g, gi + 3 * ldg + i);
      FloatVector x0 = FloatVector.fromArray(Simd.F32, x, x0i + i);
      s00 = g0.fma(x0, s00);
      s10 = g1.fma(x0, s10);
      s20 = g2.fma(x0, s20);
      s30 = g3.fma(x0, s30);
      FloatVector x1 = FloatVector.fromArray(Simd.F32, x, x1i + i);
      s01 = g0.fma(x1, s01);
      s11 = g1.fma(x1, s11);
      s21 = g2.fma(x1, s21);
      s31 = g3.fma(x1, s31);
      FloatVector x2 = FloatVector.fromArray(Simd.F32, x, x2i + i);
      s02 = g0.fma(x2, s02);
      s12 = g1.fma(x2, s12);
      s22 = g2.fma(x2, s22);
      s32 = g3.fma(x2, s32);
      FloatVector x3 = FloatVector.fromArray(Simd.F32, x, x3i + i);
      s03 = g0.fma(x3, s03);
      s13 = g1.fma(x3, s13);
      s23 = g2.fma(x3, s23);
      s33 = g3.fma(x3, s33);
      FloatVector x4 = FloatVector.fromArray(Simd.F32, x, x4i + i);
      s04 = g0.fma(x4, s04);
      s14 = g1.fma(x4, s14);
      s24 = g2.fma(x4, s24);
      s34 = g3.fma(x4, s34);
    }
    s00.intoArray(sums, si);
    s01.intoArray(sums, si + l);
    s02.intoArray(sums, si + 2 * l);
    s03.intoArray(sums, si + 3 * l);
    s04.intoArray(sums, si + 4 * l);
    s10.intoArray(sums, si + lds);
    s11.intoArray(sums, si + lds + l);
    s12.intoArray(sums, si + lds + 2 * l);
    s13.intoArray(sums, si + lds + 3 * l);
    s14.intoArray(sums, si + lds + 4 * l);
    s20.intoArray(sums, si + 2 * lds);
    s21.intoArray(sums, si + 2 * lds + l);
    s22.intoArray(sums, si + 2 * lds + 2 * l);
    s23.intoArray(sums, si + 2 * lds + 3 * l);
    s24.intoArray(sums, si + 2 * lds + 4 * l);
    s30.intoArray(sums, si + 3 * lds);
    s31.intoArray(sums, si + 3 * lds + l);
    s32.intoArray(sums, si + 3 * lds + 2 * l);
    s33.intoArray(sums, si + 3 * lds + 3 * l);
    s34.intoArray(sums, si + 3 * lds + 4 * l);
  }

  private static void fourByTwo(float[] g, int gi, int ldg, float[] x, int[] offsets, int tap, int n, float[] sums, int si, int lds) {
    int l = Simd.LANES;
    int x0i = offsets[tap];
    int x1i = offsets[tap + 1];
    FloatVector s00 = FloatVector.fromArray(Simd.F32, sums, si);
    FloatVector s01 = FloatVector.fromArray(Simd.F32, sums, si + l);
    FloatVector s10 = FloatVector.fromArray(Simd.F32, sums, si + lds);
    FloatVector s11 = FloatVector.fromArray(Simd.F32, sums, si + lds + l);
    FloatVector s20 = FloatVector.fromArray(Simd.F32, sums, si + 2 * lds);
    FloatVector s21 = FloatVector.fromArray(Simd.F32, sums, si + 2 * lds + l);
    FloatVector s30 = FloatVector.fromArray(Simd.F32, sums, si + 3 * lds);
    FloatVector s31 = FloatVector.fromArray(Simd.F32, sums, si + 3 * lds + l);
    for (int i = 0; i < n; i += l) {
      FloatVector g0 = FloatVector.fromArray(Simd.F32, g, gi + i);
      FloatVector g1 = FloatVector.fromArray(Simd.F32, g, gi + ldg + i);
      FloatVector g2 = FloatVector.fromArray(Simd.F32, g, gi + 2 * ldg + i);
      FloatVector g3 = FloatVector.fromArray(Simd.F32, g, gi + 3 * ldg + i);
      FloatVector x0 = FloatVector.fromArray(Simd.F32, x, x0i + i);
      s00 = g0.fma(x0, s00);
      s10 = g1.fma(x0, s10);
      s20 = g2.fma(x0, s20);
      s30 = g3.fma(x0, s30);
      FloatVector x1 = FloatVector.fromArray(Simd.F32, x, x1i + i);
      s01 = g0.fma(x1, s01);
      s11 = g1.fma(x1, s11);
      s21 = g2.fma(x1, s21);
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
