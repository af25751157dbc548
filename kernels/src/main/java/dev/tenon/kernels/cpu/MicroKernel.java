package dev.tenon.kernels.cpu;

import jdk.incubator.vector.FloatVector;

/**
 * The inner loop of every matrix product: a tile held in registers, on primitive arrays, calling nothing. It is as high as 16 or, with
 * 512-bit vectors, 32 registers allow when the compiler loads the elements of A ahead. Both operands are packed along the depth: A in
 * strips of {@link #ROWS} rows, B in panels of {@link #COLUMNS} columns, interleaved element by element, so that every address is one
 * register and a constant.
 */
final class MicroKernel {
  static final int ROWS = Simd.LANES == 16 ? 8 : 5;
  static final int COLUMNS = 2 * Simd.LANES;
  /** A row of zeros, where sums may begin; its rows are 0 apart. */
  static final float[] ZEROS = new float[COLUMNS];
  static final String NAME = "gemm-" + ROWS + "x" + COLUMNS;

  private MicroKernel() {}

  /**
   * The tile of C at {@code ci} becomes that of {@code from} at {@code fi} plus A·B: A is a strip of depth {@code k} from {@code ai}, B a
   * panel from {@code bi} of which {@code columns} count, rows are {@code ldf} and {@code ldc} apart. Sums run along k in order.
   */
  static void tile(
      float[] a, int ai, float[] b, int bi, int k, int columns, float[] from, int fi, int ldf, float[] c, int ci, int ldc) {
    if (ROWS == 8 && columns > Simd.LANES) {
      tile8x2(a, ai, b, bi, k, from, fi, ldf, c, ci, ldc);
    } else if (ROWS == 8) {
      tile8x1(a, ai, b, bi, k, from, fi, ldf, c, ci, ldc);
    } else if (columns > Simd.LANES) {
      tile5x2(a, ai, b, bi, k, from, fi, ldf, c, ci, ldc);
    } else {
      tile5x1(a, ai, b, bi, k, from, fi, ldf, c, ci, ldc);
    }
  }

  private static void tile8x2(
      float[] a, int ai, float[] b, int bi, int k, float[] from, int fi, int ldf, float[] c, int ci, int ldc) {
    int l = Simd.LANES;
    FloatVector c00 = FloatVector.fromArray(Simd.F32, from, fi);
    FloatVector c01 = FloatVector.fromArray(Simd.F32, from, fi + l);
    FloatVector c10 = FloatVector.fromArray(Simd.F32, from, fi + ldf);
    FloatVector c11 = FloatVector.fromArray(Simd.F32, from, fi + ldf + l);
    FloatVector c20 = FloatVector.fromArray(Simd.F32, from, fi + 2 * ldf);
    FloatVector c21 = FloatVector.fromArray(Simd.F32, from, fi + 2 * ldf + l);
    FloatVector c30 = FloatVector.fromArray(Simd.F32, from, fi + 3 * ldf);
    FloatVector c31 = FloatVector.fromArray(Simd.F32, from, fi + 3 * ldf + l);
    FloatVector c40 = FloatVector.fromArray(Simd.F32, from, fi + 4 * ldf);
    FloatVector c41 = FloatVector.fromArray(Simd.F32, from, fi + 4 * ldf + l);
    FloatVector c50 = FloatVector.fromArray(Simd.F32, from, fi + 5 * ldf);
    FloatVector c51 = FloatVector.fromArray(Simd.F32, from, fi + 5 * ldf + l);
    FloatVector c60 = FloatVector.fromArray(Simd.F32, from, fi + 6 * ldf);
    FloatVector c61 = FloatVector.fromArray(Simd.F32, from, fi + 6 * ldf + l);
    FloatVector c70 = FloatVector.fromArray(Simd.F32, from, fi + 7 * ldf);
    FloatVector c71 = FloatVector.fromArray(Simd.F32, from, fi + 7 * ldf + l);
    for (int p = 0; p < k; p++) {
      FloatVector b0 = FloatVector.fromArray(Simd.F32, b, bi + p * COLUMNS);
      FloatVector b1 = FloatVector.fromArray(Simd.F32, b, bi + p * COLUMNS + l);
      FloatVector a0 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS]);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 1]);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 2]);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 3]);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      FloatVector a4 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 4]);
      c40 = a4.fma(b0, c40);
      c41 = a4.fma(b1, c41);
      FloatVector a5 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 5]);
      c50 = a5.fma(b0, c50);
      c51 = a5.fma(b1, c51);
      FloatVector a6 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 6]);
      c60 = a6.fma(b0, c60);
      c61 = a6.fma(b1, c61);
      FloatVector a7 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 7]);
      c70 = a7.fma(b0, c70);
      c71 = a7.fma(b1, c71);
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

  private static void tile8x1(
      float[] a, int ai, float[] b, int bi, int k, float[] from, int fi, int ldf, float[] c, int ci, int ldc) {
    FloatVector c00 = FloatVector.fromArray(Simd.F32, from, fi);
    FloatVector c10 = FloatVector.fromArray(Simd.F32, from, fi + ldf);
    FloatVector c20 = FloatVector.fromArray(Simd.F32, from, fi + 2 * ldf);
    FloatVector c30 = FloatVector.fromArray(Simd.F32, from, fi + 3 * ldf);
    FloatVector c40 = FloatVector.fromArray(Simd.F32, from, fi + 4 * ldf);
    FloatVector c50 = FloatVector.fromArray(Simd.F32, from, fi + 5 * ldf);
    FloatVector c60 = FloatVector.fromArray(Simd.F32, from, fi + 6 * ldf);
    FloatVector c70 = FloatVector.fromArray(Simd.F32, from, fi + 7 * ldf);
    for (int p = 0; p < k; p++) {
      FloatVector b0 = FloatVector.fromArray(Simd.F32, b, bi + p * COLUMNS);
      FloatVector a0 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS]);
      c00 = a0.fma(b0, c00);
      FloatVector a1 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 1]);
      c10 = a1.fma(b0, c10);
      FloatVector a2 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 2]);
      c20 = a2.fma(b0, c20);
      FloatVector a3 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 3]);
      c30 = a3.fma(b0, c30);
      FloatVector a4 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 4]);
      c40 = a4.fma(b0, c40);
      FloatVector a5 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 5]);
      c50 = a5.fma(b0, c50);
      FloatVector a6 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 6]);
      c60 = a6.fma(b0, c60);
      FloatVector a7 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 7]);
      c70 = a7.fma(b0, c70);
    }
    c00.intoArray(c, ci);
    c10.intoArray(c, ci + ldc);
    c20.intoArray(c, ci + 2 * ldc);
    c30.intoArray(c, ci + 3 * ldc);
    c40.intoArray(c, ci + 4 * ldc);
    c50.intoArray(c, ci + 5 * ldc);
    c60.intoArray(c, ci + 6 * ldc);
    c70.intoArray(c, ci + 7 * ldc);
  }

  private static void tile5x2(
      float[] a, int ai, float[] b, int bi, int k, float[] from, int fi, int ldf, float[] c, int ci, int ldc) {
    int l = Simd.LANES;
    FloatVector c00 = FloatVector.fromArray(Simd.F32, from, fi);
    FloatVector c01 = FloatVector.fromArray(Simd.F32, from, fi + l);
    FloatVector c10 = FloatVector.fromArray(Simd.F32, from, fi + ldf);
    FloatVector c11 = FloatVector.fromArray(Simd.F32, from, fi + ldf + l);
    FloatVector c20 = FloatVector.fromArray(Simd.F32, from, fi + 2 * ldf);
    FloatVector c21 = FloatVector.fromArray(Simd.F32, from, fi + 2 * ldf + l);
    FloatVector c30 = FloatVector.fromArray(Simd.F32, from, fi + 3 * ldf);
    FloatVector c31 = FloatVector.fromArray(Simd.F32, from, fi + 3 * ldf + l);
    FloatVector c40 = FloatVector.fromArray(Simd.F32, from, fi + 4 * ldf);
    FloatVector c41 = FloatVector.fromArray(Simd.F32, from, fi + 4 * ldf + l);
    for (int p = 0; p < k; p++) {
      FloatVector b0 = FloatVector.fromArray(Simd.F32, b, bi + p * COLUMNS);
      FloatVector b1 = FloatVector.fromArray(Simd.F32, b, bi + p * COLUMNS + l);
      FloatVector a0 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS]);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 1]);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 2]);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 3]);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      FloatVector a4 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 4]);
      c40 = a4.fma(b0, c40);
      c41 = a4.fma(b1, c41);
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
  }

  private static void tile5x1(
      float[] a, int ai, float[] b, int bi, int k, float[] from, int fi, int ldf, float[] c, int ci, int ldc) {
    FloatVector c00 = FloatVector.fromArray(Simd.F32, from, fi);
    FloatVector c10 = FloatVector.fromArray(Simd.F32, from, fi + ldf);
    FloatVector c20 = FloatVector.fromArray(Simd.F32, from, fi + 2 * ldf);
    FloatVector c30 = FloatVector.fromArray(Simd.F32, from, fi + 3 * ldf);
    FloatVector c40 = FloatVector.fromArray(Simd.F32, from, fi + 4 * ldf);
    for (int p = 0; p < k; p++) {
      FloatVector b0 = FloatVector.fromArray(Simd.F32, b, bi + p * COLUMNS);
      FloatVector a0 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS]);
      c00 = a0.fma(b0, c00);
      FloatVector a1 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 1]);
      c10 = a1.fma(b0, c10);
      FloatVector a2 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 2]);
      c20 = a2.fma(b0, c20);
      FloatVector a3 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 3]);
      c30 = a3.fma(b0, c30);
      FloatVector a4 = FloatVector.broadcast(Simd.F32, a[ai + p * ROWS + 4]);
      c40 = a4.fma(b0, c40);
    }
    c00.intoArray(c, ci);
    c10.intoArray(c, ci + ldc);
    c20.intoArray(c, ci + 2 * ldc);
    c30.intoArray(c, ci + 3 * ldc);
    c40.intoArray(c, ci + 4 * ldc);
  }
}
