package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import jdk.incubator.vector.FloatVector;

/**
 * The matrix products of attention, which are too small to be worth packing twice: the right operand is packed into panels of
 * {@link #WIDTH} columns, the left one is read as it is.
 */
final class Heads {
  static final int WIDTH = 2 * Simd.LANES;
  /** Rows of a tile whose left operand may lie any way. */
  private static final int TILE = 4;
  /** What numbers of rows are rounded up to, for either tile. */
  static final int ROWS = MicroKernel.ROWS == 8 ? 8 : 12;
  /** Queries of one head that are worked on at once, at most. */
  private static final int BLOCK = 64;
  /** Scores of a block, which should stay in the second cache. */
  private static final int SCORES = 1 << 15;

  /** Tasks that heads are shared out to, at most. */
  private static final int TASKS = 32;

  private Heads() {}

  /** Heads a task works on, one after the other, in the same arrays. */
  static int group(int heads) {
    return (heads + TASKS - 1) / TASKS;
  }

  static int roundUp(int n, int unit) {
    return (n + unit - 1) / unit * unit;
  }

  /** Queries to work on at once when each has {@code keys} scores: a multiple of {@link #ROWS}. */
  static int block(int queries, int keys) {
    int most = Math.max(ROWS, Math.min(BLOCK, SCORES / Math.max(1, keys)) / ROWS * ROWS);
    return Math.min(most, roundUp(queries, ROWS));
  }

  /** A tensor [B, N, H, d] as [B, H, N, d]: each head's rows follow each other. */
  static Strided of(Tensor tensor) {
    return Strided.of(tensor, tensor.layout().permute(0, 2, 1, 3));
  }

  /** Elements of {@link #transposed} [n, d], and of {@link #panels} of [d, n]. */
  static int room(int n, int d) {
    return roundUp(n, WIDTH) * d;
  }

  /** Packs the transpose of row-major [n, d]: a panel holds {@link #WIDTH} rows, interleaved; what fills it up stays. */
  static void transposed(float[] rows, int n, int d, float[] packed) {
    for (int i = 0; i < n; i++) {
      int at = i / WIDTH * WIDTH * d + i % WIDTH;
      for (int p = 0; p < d; p++) {
        packed[at + p * WIDTH] = rows[i * d + p];
      }
    }
  }

  /** Packs row-major [n, d]: a panel holds {@link #WIDTH} columns of each row; what fills it up stays. */
  static void panels(float[] rows, int n, int d, float[] packed) {
    for (int c = 0; c < d; c += WIDTH) {
      int count = Math.min(WIDTH, d - c);
      for (int i = 0; i < n; i++) {
        System.arraycopy(rows, i * d + c, packed, c * n + i * WIDTH, count);
      }
    }
  }

  /**
   * Adds A·B to C. A is [m, k], its rows {@code row} and its columns {@code column} elements apart; B [k, n] is packed; C is row-major
   * with rows {@code ldc} apart. A and C are touched up to a multiple of {@link #ROWS} rows, and C up to one of {@link #WIDTH} columns.
   */
  static void product(float[] a, int row, int column, float[] b, int m, int n, int k, float[] c, int ldc) {
    if (column == 1) {
      for (int x = 0; x < n; x += WIDTH) {
        for (int y = 0; y < m; y += MicroKernel.ROWS) {
          MicroKernel.tile(a, y * row, row, b, x * k, k, n - x, c, y * ldc + x, ldc);
        }
      }
      return;
    }
    for (int x = 0; x < n; x += WIDTH) {
      for (int y = 0; y < m; y += TILE) {
        tile(a, y * row, row, column, b, x * k, k, c, y * ldc + x, ldc);
      }
    }
  }

  private static void tile(float[] a, int ai, int row, int column, float[] b, int bi, int k, float[] c, int ci, int ldc) {
    int l = Simd.LANES;
    FloatVector c00 = FloatVector.fromArray(Simd.F32, c, ci);
    FloatVector c01 = FloatVector.fromArray(Simd.F32, c, ci + l);
    FloatVector c10 = FloatVector.fromArray(Simd.F32, c, ci + ldc);
    FloatVector c11 = FloatVector.fromArray(Simd.F32, c, ci + ldc + l);
    FloatVector c20 = FloatVector.fromArray(Simd.F32, c, ci + 2 * ldc);
    FloatVector c21 = FloatVector.fromArray(Simd.F32, c, ci + 2 * ldc + l);
    FloatVector c30 = FloatVector.fromArray(Simd.F32, c, ci + 3 * ldc);
    FloatVector c31 = FloatVector.fromArray(Simd.F32, c, ci + 3 * ldc + l);
    int at = ai;
    for (int p = 0; p < k; p++, at += column) {
      FloatVector b0 = FloatVector.fromArray(Simd.F32, b, bi + p * WIDTH);
      FloatVector b1 = FloatVector.fromArray(Simd.F32, b, bi + p * WIDTH + l);
      FloatVector a0 = FloatVector.broadcast(Simd.F32, a[at]);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.broadcast(Simd.F32, a[at + row]);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.broadcast(Simd.F32, a[at + 2 * row]);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.broadcast(Simd.F32, a[at + 3 * row]);
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

  /** Cuts the {@link #WIDTH}-padded rows of [m, d] down to d elements, times {@code scale}, into the start of {@code to}. */
  static void unpad(float[] c, int m, int d, float scale, float[] to) {
    int ldc = roundUp(d, WIDTH);
    for (int i = 0; i < m; i++) {
      for (int p = 0; p < d; p++) {
        to[i * d + p] = scale * c[i * ldc + p];
      }
    }
  }
}
