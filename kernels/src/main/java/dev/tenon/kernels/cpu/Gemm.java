package dev.tenon.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * The matrix product all dense kernels share: C = bias + Σ Aᵢ·Bᵢ, cut into blocks that stay in the caches. Operands are
 * packed a slice of the depth at a time, by all threads, the right one unless it {@linkplain Packed has been before}. Each element is
 * summed in one order whatever the number of threads.
 */
final class Gemm {
  /** Rows and columns of C that are worked on at a time: with the packed rows of A they fill half of a second-level cache. */
  private static final int ROW_BLOCK = 104;
  private static final int COLUMN_BLOCK = 768;
  /** Depth of the panels the inner loop runs over, which a first-level cache holds. */
  private static final int DEPTH = 256;
  /** Depth that is packed at a time; sums rest in C between. */
  static final int SLICE = 4 * DEPTH;
  /** What sets rows of C apart: no round number, so that they do not push each other out of the first-level cache. */
  private static final int LDC = COLUMN_BLOCK + 16;
  /** Elements one packing task handles. */
  private static final int PACK_GRAIN = 1 << 14;
  /** Tasks to a thread, so that all end at about the same time. */
  private static final int TASKS = 8;
  /** Multiplications that take less time than waking another thread. */
  private static final long SMALL = 1 << 19;

  private final Workers workers;
  /** Arrays for packed operands that no one uses. */
  private final ConcurrentLinkedDeque<float[]> lefts = new ConcurrentLinkedDeque<>();
  private final ConcurrentLinkedDeque<float[]> rights = new ConcurrentLinkedDeque<>();
  private final ThreadLocal<Scratch> scratch = ThreadLocal.withInitial(Scratch::new);

  /** What one thread needs beside the operands. */
  private static final class Scratch {
    private final float[] c = new float[(ROW_BLOCK + MicroKernel.ROWS) * LDC];
    private final float[] panel = new float[DEPTH * MicroKernel.COLUMNS];
  }

  Gemm(Workers workers) {
    this.workers = workers;
  }

  /** One product that is summed: the rows of A as lanes of one matrix, and B. */
  record Term(Lanes a, Right b) {
    Term(Lanes a, Lanes b) {
      this(a, new Right.Columns(b));
    }
  }

  /** A right operand. */
  sealed interface Right {
    /** Lanes of one matrix, packed whenever they are used. */
    record Columns(Lanes lanes) implements Right {}

    /** Packed once and for all. */
    record Ready(Packed packed) implements Right {}
  }

  /**
   * Where C goes: row-major [m, n] from element {@code offset}. {@code bias} [n], in an array of whole panels, and {@code epilogue} may be
   * null.
   */
  record Target(MemorySegment out, long offset, float[] bias, Epilogue epilogue) {}

  /** Writes row-major C [m, n] at element {@code offset}; {@code bias} [n] may be null. */
  void run(int m, int n, List<Term> terms, float[] bias, MemorySegment out, long offset) {
    run(m, n, terms, new Target(out, offset, bias, null));
  }

  /** Writes C [m, n] to its target. */
  void run(int m, int n, List<Term> terms, Target target) {
    if (m == 0 || n == 0) {
      return;
    }
    boolean begun = false;
    for (int t = 0; t < terms.size(); t++) {
      Term term = terms.get(t);
      int length = term.a.length();
      for (int p = 0; p < length; p += SLICE) {
        int depth = Math.min(SLICE, length - p);
        boolean last = p + depth == length && t == terms.size() - 1;
        slice(new Block(term, p, depth, !begun, last), m, n, target);
        begun = true;
      }
    }
    if (!begun) {
      slice(new Block(terms.getFirst(), 0, 0, true, true), m, n, target);
    }
  }

  /** A slice of a term's depth, and whether it is the first and the last that goes into C. */
  private record Block(Term term, int from, int depth, boolean first, boolean last) {
    boolean small(int m, int n) {
      return (long) m * n * depth < SMALL;
    }
  }

  private void slice(Block block, int m, int n, Target target) {
    float[] a = take(lefts, roundUp(m, MicroKernel.ROWS) * block.depth);
    switch (block.term.b) {
      case Right.Columns(Lanes lanes) -> {
        float[] b = take(rights, roundUp(n, MicroKernel.COLUMNS) * block.depth);
        pack(block, m, a, lanes, n, b);
        blocks(block, a, b, m, n, target);
        rights.push(b);
      }
      case Right.Ready(Packed packed) -> {
        pack(block, m, a, null, n, null);
        blocks(block, a, packed.floats(block.from / SLICE), m, n, target);
      }
    }
    lefts.push(a);
  }

  private void blocks(Block block, float[] a, float[] b, int m, int n, Target target) {
    boolean small = block.small(m, n);
    int rows = roundUp(ceil(m, ceil(m, ROW_BLOCK)), MicroKernel.ROWS);
    int rowBlocks = ceil(m, rows);
    int pieces = small || workers.threads() == 1 ? 1 : ceil(TASKS * workers.threads(), rowBlocks);
    int columns = roundUp(ceil(n, Math.max(ceil(n, COLUMN_BLOCK), pieces)), MicroKernel.COLUMNS);
    int columnBlocks = ceil(n, columns);
    share(rowBlocks * columnBlocks, small, task -> {
      int i = task / columnBlocks * rows;
      int j = task % columnBlocks * columns;
      tile(block, a, b, i, Math.min(rows, m - i), j, Math.min(columns, n - j), n, target);
    });
  }

  private void share(int tasks, boolean small, IntConsumer task) {
    if (small) {
      for (int i = 0; i < tasks; i++) {
        task.accept(i);
      }
    } else {
      workers.run(tasks, task);
    }
  }

  /** Packs {@code m} rows of A and, unless there is no {@code b}, {@code n} columns of B. */
  private void pack(Block block, int m, float[] a, Lanes columns, int n, float[] b) {
    int lanes = PACK_GRAIN / Math.max(1, block.depth);
    int height = roundUp(Math.max(1, lanes), MicroKernel.ROWS);
    int width = roundUp(Math.max(1, lanes), MicroKernel.COLUMNS);
    int rowTasks = ceil(m, height);
    share(rowTasks + (b == null ? 0 : ceil(n, width)), block.small(m, n), task -> {
      if (task < rowTasks) {
        int i = task * height;
        block.term.a.pack(i, Math.min(height, m - i), block.from, block.depth, MicroKernel.ROWS, a, i * block.depth);
      } else {
        int j = (task - rowTasks) * width;
        columns.pack(j, Math.min(width, n - j), block.from, block.depth, MicroKernel.COLUMNS, b, j * block.depth);
      }
    });
  }

  private void tile(
      Block block, float[] a, float[] b, int i, int rows, int j, int columns, int n, Target target) {
    Scratch own = scratch.get();
    long at = target.offset + (long) i * n + j;
    if (!block.first) {
      for (int r = 0; r < rows; r++) {
        MemorySegment.copy(target.out, Simd.FLOAT, (at + (long) r * n) * 4, own.c, r * LDC, columns);
      }
    }
    float[] start = target.bias == null ? MicroKernel.ZEROS : target.bias;
    for (int p = 0; p < Math.max(1, block.depth); p += DEPTH) {
      boolean begins = p == 0 && block.first;
      int depth = Math.min(DEPTH, block.depth - p);
      for (int x = 0; x < columns; x += MicroKernel.COLUMNS) {
        float[] right = b;
        int bi = (j + x) * block.depth + p * MicroKernel.COLUMNS;
        if (b == null) {
          right = own.panel;
          ((Right.Ready) block.term.b).packed.expand(block.from / SLICE, j + x, p, depth, block.depth, right);
          bi = 0;
        }
        for (int y = 0; y < rows; y += MicroKernel.ROWS) {
          int ai = (i + y) * block.depth + p * MicroKernel.ROWS;
          int ci = y * LDC + x;
          MicroKernel.tile(a, ai, right, bi, depth, columns - x, begins ? start : own.c,
              !begins ? ci : target.bias == null ? 0 : j + x, begins ? 0 : LDC, own.c, ci, LDC);
        }
      }
    }
    if (block.last && target.epilogue != null) {
      target.epilogue.apply(own.c, LDC, i, rows, j, columns);
    }
    for (int r = 0; r < rows; r++) {
      MemorySegment.copy(own.c, r * LDC, target.out, Simd.FLOAT, (at + (long) r * n) * 4, columns);
    }
  }

  /** An array of at least {@code size}; whoever takes it gives it back. */
  private static float[] take(ConcurrentLinkedDeque<float[]> spare, int size) {
    float[] array = spare.poll();
    return array != null && array.length >= size ? array : new float[size];
  }

  private static int ceil(int n, int unit) {
    return (n + unit - 1) / unit;
  }

  static int roundUp(int n, int unit) {
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
