package dev.tenon.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/**
 * The matrix product all dense kernels share: C = bias + Σ Aᵢ·Bᵢ over packed panels, cut into blocks that stay in the caches.
 * Each element is summed in one order whatever the number of threads.
 */
final class Gemm {
  private static final int ROW_BLOCK = 64;
  private static final int COLUMN_PANELS = 16;
  private static final int DEPTH = 256;

  private final Workers workers;

  Gemm(Workers workers) {
    this.workers = workers;
  }

  Workers workers() {
    return workers;
  }

  /** Packed operands of one product; {@code ai} and {@code bi} say which matrix of each a batch element takes. */
  record Term(float[] a, float[] b, int k, int[] ai, int[] bi) {}

  /** Packs both operands; null indices stand for a single product. */
  Term term(Lanes a, Lanes b, int[] ai, int[] bi) {
    return new Term(a.pack(MicroKernel.ROWS, workers), b.pack(MicroKernel.COLUMNS, workers), a.length(), ai, bi);
  }

  /** Writes row-major C [batch, m, n] at element {@code offset}; {@code bias} [n] may be null. */
  void run(int batch, int m, int n, List<Term> terms, float[] bias, MemorySegment out, long offset) {
    int rowBlocks = (m + ROW_BLOCK - 1) / ROW_BLOCK;
    int width = COLUMN_PANELS * MicroKernel.COLUMNS;
    int columnBlocks = (n + width - 1) / width;
    int blocks = rowBlocks * columnBlocks;
    if (n == 0) {
      return;
    }
    workers.run(batch * blocks, task -> {
      int t = task / blocks;
      int i = task % blocks / columnBlocks * ROW_BLOCK;
      int j = task % columnBlocks * width;
      int rows = Math.min(ROW_BLOCK, m - i);
      int columns = Math.min(width, n - j);
      int ldc = roundUp(columns, MicroKernel.COLUMNS);
      float[] c = new float[roundUp(rows, MicroKernel.ROWS) * ldc];
      for (int r = 0; r < rows && bias != null; r++) {
        System.arraycopy(bias, j, c, r * ldc, columns);
      }
      for (Term term : terms) {
        block(term, t, m, n, i, j, c, ldc);
      }
      for (int r = 0; r < rows; r++) {
        MemorySegment.copy(c, r * ldc, out, Simd.FLOAT, (offset + ((long) t * m + i + r) * n + j) * 4, columns);
      }
    });
  }

  private static void block(Term term, int t, int m, int n, int i, int j, float[] c, int ldc) {
    int k = term.k;
    int rows = c.length / ldc;
    int a = (matrix(term.ai, t) * roundUp(m, MicroKernel.ROWS) + i) * k;
    int b = (matrix(term.bi, t) * roundUp(n, MicroKernel.COLUMNS) + j) * k;
    for (int p = 0; p < k; p += DEPTH) {
      int depth = Math.min(DEPTH, k - p);
      for (int x = 0; x < ldc; x += MicroKernel.COLUMNS) {
        for (int y = 0; y < rows; y += MicroKernel.ROWS) {
          MicroKernel.tile(
              term.a, a + y * k + p * MicroKernel.ROWS, term.b, b + x * k + p * MicroKernel.COLUMNS, depth, c, y * ldc + x, ldc);
        }
      }
    }
  }

  private static int matrix(int[] index, int t) {
    return index == null ? 0 : index[t];
  }

  private static int roundUp(int n, int unit) {
    return (n + unit - 1) / unit * unit;
  }

  /** Row-major C [m, n] on the heap. */
  float[] product(int m, int n, Term term) {
    float[] c = new float[Math.multiplyExact(m, n)];
    run(1, m, n, List.of(term), null, MemorySegment.ofArray(c), 0);
    return c;
  }

  /** Matrix indices a broadcast batch takes, from the long indices of its layout. */
  static int[] ints(long[] indices) {
    return Arrays.stream(indices).mapToInt(Math::toIntExact).toArray();
  }
}
