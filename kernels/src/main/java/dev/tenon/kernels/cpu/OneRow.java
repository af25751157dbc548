package dev.tenon.kernels.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * A single row times a matrix whose rows lie in memory without gaps: each element of the matrix is used once, so it is read as it lies, as
 * fast as memory gives it. Sums run along the depth in order, as those of {@link Tile}.
 */
final class OneRow {
  /** Depth that is added to sums between reading and writing them. */
  private static final int DEPTH = 4;

  private OneRow() {}

  /**
   * Adds to {@code columns} sums in {@code c} the products of {@code k} elements of {@code a}, {@code apart} from each other, with as many
   * rows of a matrix, {@code step} from each other.
   */
  static void add(float[] a, int apart, int k, MemorySegment data, long start, long step, int columns, float[] c) {
    int whole = columns / Simd.LANES * Simd.LANES;
    int p = 0;
    for (; p + DEPTH <= k; p += DEPTH) {
      FloatVector a0 = FloatVector.broadcast(Simd.F32, a[p * apart]);
      FloatVector a1 = FloatVector.broadcast(Simd.F32, a[(p + 1) * apart]);
      FloatVector a2 = FloatVector.broadcast(Simd.F32, a[(p + 2) * apart]);
      FloatVector a3 = FloatVector.broadcast(Simd.F32, a[(p + 3) * apart]);
      long row = start + p * step;
      for (int x = 0; x < whole; x += Simd.LANES) {
        FloatVector sum = FloatVector.fromArray(Simd.F32, c, x);
        sum = a0.fma(FloatVector.fromMemorySegment(Simd.F32, data, (row + x) * 4, Simd.ORDER), sum);
        sum = a1.fma(FloatVector.fromMemorySegment(Simd.F32, data, (row + step + x) * 4, Simd.ORDER), sum);
        sum = a2.fma(FloatVector.fromMemorySegment(Simd.F32, data, (row + 2 * step + x) * 4, Simd.ORDER), sum);
        sum = a3.fma(FloatVector.fromMemorySegment(Simd.F32, data, (row + 3 * step + x) * 4, Simd.ORDER), sum);
        sum.intoArray(c, x);
      }
    }
    for (; p < k; p++) {
      FloatVector a0 = FloatVector.broadcast(Simd.F32, a[p * apart]);
      for (int x = 0; x < whole; x += Simd.LANES) {
        FloatVector b0 = FloatVector.fromMemorySegment(Simd.F32, data, (start + p * step + x) * 4, Simd.ORDER);
        a0.fma(b0, FloatVector.fromArray(Simd.F32, c, x)).intoArray(c, x);
      }
    }
    for (int x = whole; x < columns; x++) {
      for (int q = 0; q < k; q++) {
        c[x] = Math.fma(a[q * apart], data.get(Simd.FLOAT, (start + q * step + x) * 4), c[x]);
      }
    }
  }
}
