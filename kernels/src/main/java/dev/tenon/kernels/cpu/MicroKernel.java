package dev.tenon.kernels.cpu;

import jdk.incubator.vector.FloatVector;

/** The inner loop of every matrix product: a 4 × 2-vector tile held in registers, on primitive arrays, calling nothing. */
final class MicroKernel {
  static final int ROWS = 4;
  static final int COLUMNS = 2 * Simd.LANES;

  private MicroKernel() {}

  /** Adds the product of two packed panels of depth {@code k} to the tile of {@code c} at {@code ci}; rows are {@code ldc} apart. */
  static void tile(float[] a, int ai, float[] b, int bi, int k, float[] c, int ci, int ldc) {
    int l = Simd.LANES;
    FloatVector c00 = FloatVector.fromArray(Simd.F32, c, ci);
    FloatVector c01 = FloatVector.fromArray(Simd.F32, c, ci + l);
    FloatVector c10 = FloatVector.fromArray(Simd.F32, c, ci + ldc);
    FloatVector c11 = FloatVector.fromArray(Simd.F32, c, ci + ldc + l);
    FloatVector c20 = FloatVector.fromArray(Simd.F32, c, ci + 2 * ldc);
    FloatVector c21 = FloatVector.fromArray(Simd.F32, c, ci + 2 * ldc + l);
    FloatVector c30 = FloatVector.fromArray(Simd.F32, c, ci + 3 * ldc);
    FloatVector c31 = FloatVector.fromArray(Simd.F32, c, ci + 3 * ldc + l);
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
}
