package dev.tenon.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * The matrix product all dense kernels share: C = bias + Σ Aᵢ·Bᵢ, cut into blocks that stay in the caches. The right operand is
 * packed a slice of the depth at a time, by all threads; then each block of C packs its own rows of the left operand. Each
 * element is summed in one order whatever the number of threads.
 */
final class Gemm {
  /** Rows and columns of C that are worked on at a time: with the packed rows of A they fill half of a second-level cache. */
  private static final int ROW_BLOCK = 48;
  private static final int COLUMN_BLOCK = 512;
  /** Depth of the panels the inner loop runs over, which a first-level cache holds. */
  private static final int DEPTH = 256;
  /** Depth that is packed at a time; sums rest in C between. */
  private static final int SLICE = 4 * DEPTH;
  /** What sets rows of A apart, so that rows of a round length do not push each other out of the first-level cache. */
  private static final int STAGGER = 16;
  /** Elements one packing task handles. */
  private static final int PACK_GRAIN = 1 << 14;
  /** Tasks to a thread, so that all end at about the same time. */
  private static final int TASKS = 8;
  /** Multiplications that take less time than waking another thread. */
  private static final long SMALL = 1 << 19;

  private final Workers workers;
  private final ConcurrentLinkedDeque<float[]> spare = new ConcurrentLinkedDeque<>();
  private final ThreadLocal<Scratch> scratch = ThreadLocal.withInitial(Scratch::new);

  /** What one thread needs beside the operands. */
  private static final class Scratch {
    private final float[] a = new float[(ROW_BLOCK + MicroKernel.ROWS) * (SLICE + STAGGER)];
    private final float[] c = new float[(ROW_BLOCK + MicroKernel.ROWS) * COLUMN_BLOCK];
  }

  Gemm(Workers workers) {
    this.workers = workers;
  }

  /** One product that is summed: the rows of A and the columns of B as lanes of one matrix each. */
  record Term(Lanes a, Lanes b) {}

  /** Writes row-major C [m, n] at element {@code offset}; {@code bias} [n] may be null. */
  void run(int m, int n, List<Term> terms, float[] bias, MemorySegment out, long offset) {
    if (m == 0 || n == 0) {
      return;
    }
    boolean begun = false;
    for (Term term : terms) {
      for (int p = 0; p < term.a.length(); p += SLICE) {
        slice(new Block(term, p, Math.min(SLICE, term.a.length() - p), !begun), m, n, bias, out, offset);
        begun = true;
      }
    }
    if (!begun) {
      slice(new Block(terms.getFirst(), 0, 0, true), m, n, bias, out, offset);
    }
  }

  /** A slice of a term's depth, and whether it is the first that goes into C. */
  private record Block(Term term, int from, int depth, boolean first) {}

  private void slice(Block block, int m, int n, float[] bias, MemorySegment out, long offset) {
    float[] b = take(roundUp(n, MicroKernel.COLUMNS) * block.depth);
    boolean small = (long) m * n * block.depth < SMALL;
    packRight(block, n, b, small);
    int rows = roundUp(ceil(m, ceil(m, ROW_BLOCK)), MicroKernel.ROWS);
    int rowBlocks = ceil(m, rows);
    int pieces = small ? 1 : ceil(TASKS * workers.threads(), rowBlocks);
    int columns = roundUp(ceil(n, Math.max(ceil(n, COLUMN_BLOCK), pieces)), MicroKernel.COLUMNS);
    int columnBlocks = ceil(n, columns);
    share(rowBlocks * columnBlocks, small, task -> {
      int i = task / columnBlocks * rows;
      int j = task % columnBlocks * columns;
      tile(block, b, i, Math.min(rows, m - i), j, Math.min(columns, n - j), n, bias, out, offset);
    });
    spare.push(b);
  }

  private void share(int tasks, boolean small, IntConsumer task) {
    if (small) {
      IntStream.range(0, tasks).forEach(task);
    } else {
      workers.run(tasks, task);
    }
  }

  private void packRight(Block block, int n, float[] b, boolean small) {
    int panel = Math.max(1, MicroKernel.COLUMNS * block.depth);
    int group = Math.max(1, PACK_GRAIN / panel) * MicroKernel.COLUMNS;
    share(ceil(n, group), small, g -> {
      int lane = g * group;
      block.term.b.pack(lane, Math.min(group, n - lane), block.from, block.depth, b, lane * block.depth);
    });
  }

  private void tile(
      Block block, float[] b, int i, int rows, int j, int columns, int n, float[] bias, MemorySegment out, long offset) {
    Scratch own = scratch.get();
    int ldc = roundUp(columns, MicroKernel.COLUMNS);
    for (int r = 0; r < rows; r++) {
      if (!block.first) {
        MemorySegment.copy(out, Simd.FLOAT, (offset + (long) (i + r) * n + j) * 4, own.c, r * ldc, columns);
      } else if (bias != null) {
        System.arraycopy(bias, j, own.c, r * ldc, columns);
      } else {
        Arrays.fill(own.c, r * ldc, r * ldc + columns, 0);
      }
    }
    int lda = block.depth + STAGGER;
    block.term.a.copy(i, rows, block.from, block.depth, own.a, 0, lda);
    for (int p = 0; p < block.depth; p += DEPTH) {
      int depth = Math.min(DEPTH, block.depth - p);
      for (int x = 0; x < columns; x += MicroKernel.COLUMNS) {
        int bi = (j + x) * block.depth + p * MicroKernel.COLUMNS;
        for (int y = 0; y < rows; y += MicroKernel.ROWS) {
          MicroKernel.tile(own.a, y * lda + p, lda, b, bi, depth, columns - x, own.c, y * ldc + x, ldc);
        }
      }
    }
    for (int r = 0; r < rows; r++) {
      MemorySegment.copy(own.c, r * ldc, out, Simd.FLOAT, (offset + (long) (i + r) * n + j) * 4, columns);
    }
  }

  /** An array of at least {@code size} that no one uses; whoever takes it gives it back to {@link #spare}. */
  private float[] take(int size) {
    float[] array = spare.poll();
    return array != null && array.length >= size ? array : new float[size];
  }

  private static int ceil(int n, int unit) {
    return (n + unit - 1) / unit;
  }

  private static int roundUp(int n, int unit) {
    return ceil(n, unit) * unit;
  }

  /** Row-major C [m, n] on the heap. */
  float[] product(int m, int n, Term term) {
    float[] c = new float[Math.multiplyExact(m, n)];
    run(m, n, List.of(term), null, MemorySegment.ofArray(c), 0);
    return c;
  }

  /** Runs the products of a batch: side by side when there are enough of them to keep every thread busy, else in turn. */
  void each(int batch, IntConsumer product) {
    if (batch >= 2 * workers.threads()) {
      workers.run(batch, product);
    } else {
      IntStream.range(0, batch).forEach(product);
    }
  }
}
