package dev.tenon.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
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
  private final SpareArrays arrays = new SpareArrays();
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

  /** Writes row-major C [m, n] at element {@code offset}; narrow products go their own way. */
  void run(int m, int n, List<Term> terms, MemorySegment out, long offset) {
    boolean done = m > 0 && n > 0 && terms.size() == 1 && terms.getFirst().b instanceof Right.Columns(Lanes columns)
        && Skinny.run(workers, m, n, terms.getFirst().a, columns, out, offset);
    if (!done) {
      run(m, n, terms, new Target(out, offset, null, null));
    }
  }

  /** Writes C [m, n] to its target, with the same bits whether B has been packed before or not. */
  void run(int m, int n, List<Term> terms, Target target) {
    if (m == 0 || n == 0) {
      return;
    }
    List<Part> parts = new ArrayList<>();
    boolean first = true;
    int depth = 0;
    for (Term term : terms) {
      int from = 0;
      do {
        int part = Math.min(SLICE, term.a.length() - from);
        if (!parts.isEmpty() && depth + part > SLICE) {
          slice(new Slice(List.copyOf(parts), first, false), m, n, target);
          parts.clear();
          first = false;
          depth = 0;
        }
        parts.add(new Part(term, from, part, arrays.take(roundUp(m, MicroKernel.ROWS) * part), right(term.b, n, from, part)));
        depth += part;
        from += part;
      } while (from < term.a.length());
    }
    slice(new Slice(parts, first, true), m, n, target);
  }

  /** Where the packed columns of a part are, or will be; null when they are {@linkplain Packed#expand expanded} panel by panel. */
  private float[] right(Right b, int n, int from, int depth) {
    return switch (b) {
      case Right.Columns _ -> arrays.take(roundUp(n, MicroKernel.COLUMNS) * depth);
      case Right.Ready(Packed packed) -> packed.floats(from / SLICE);
    };
  }

  /** A piece of a term's depth, and its packed operands. */
  private record Part(Term term, int from, int depth, float[] a, float[] b) {}

  /** What is packed and summed before sums go to memory; whether it is the first and the last that goes into C. */
  private record Slice(List<Part> parts, boolean first, boolean last) {
    boolean small(int m, int n) {
      return (long) m * n * parts.stream().mapToInt(Part::depth).sum() < SMALL;
    }
  }

  private void slice(Slice slice, int m, int n, Target target) {
    boolean small = slice.small(m, n);
    for (Part part : slice.parts) {
      pack(part, m, n, small || (long) (m + n) * part.depth < PACK_GRAIN);
    }
    int rows = roundUp(ceil(m, ceil(m, ROW_BLOCK)), MicroKernel.ROWS);
    int rowBlocks = ceil(m, rows);
    int pieces = small || workers.threads() == 1 ? 1 : ceil(TASKS * workers.threads(), rowBlocks);
    int columns = roundUp(ceil(n, Math.max(ceil(n, COLUMN_BLOCK), pieces)), MicroKernel.COLUMNS);
    int columnBlocks = ceil(n, columns);
    share(rowBlocks * columnBlocks, small, task -> {
      int i = task / columnBlocks * rows;
      int j = task % columnBlocks * columns;
      tile(slice, i, Math.min(rows, m - i), j, Math.min(columns, n - j), n, target);
    });
    for (Part part : slice.parts) {
      arrays.give(part.a);
      if (part.term.b instanceof Right.Columns) {
        arrays.give(part.b);
      }
    }
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

  /** Packs {@code m} rows of A and, unless they have been before, {@code n} columns of B. */
  private void pack(Part part, int m, int n, boolean small) {
    int lanes = Math.max(1, PACK_GRAIN / Math.max(1, part.depth));
    int height = roundUp(lanes, MicroKernel.ROWS);
    int width = roundUp(lanes, MicroKernel.COLUMNS);
    int rowTasks = ceil(m, height);
    int columnTasks = part.term.b instanceof Right.Columns ? ceil(n, width) : 0;
    share(rowTasks + columnTasks, small, task -> {
      if (task < rowTasks) {
        int i = task * height;
        part.term.a.pack(i, Math.min(height, m - i), part.from, part.depth, MicroKernel.ROWS, part.a, i * part.depth);
      } else if (part.term.b instanceof Right.Columns(Lanes columns)) {
        int j = (task - rowTasks) * width;
        columns.pack(j, Math.min(width, n - j), part.from, part.depth, MicroKernel.COLUMNS, part.b, j * part.depth);
      }
    });
  }

  private void tile(Slice slice, int i, int rows, int j, int columns, int n, Target target) {
    Scratch own = scratch.get();
    long at = target.offset + (long) i * n + j;
    if (!slice.first) {
      for (int r = 0; r < rows; r++) {
        MemorySegment.copy(target.out, Simd.FLOAT, (at + (long) r * n) * 4, own.c, r * LDC, columns);
      }
    }
    boolean begins = slice.first;
    for (Part part : slice.parts) {
      for (int p = 0; p == 0 || p < part.depth; p += DEPTH) {
        panels(part, p, i, rows, j, columns, begins ? target.bias : own.c, begins, own);
        begins = false;
      }
    }
    if (slice.last && target.epilogue != null) {
      target.epilogue.apply(own.c, LDC, i, rows, j, columns);
    }
    for (int r = 0; r < rows; r++) {
      MemorySegment.copy(own.c, r * LDC, target.out, Simd.FLOAT, (at + (long) r * n) * 4, columns);
    }
  }

  /**
   * Adds the product of {@link #DEPTH} of a part from {@code p} on to a block of C. Where it {@code begins}, sums start at {@code from},
   * which is a bias or null.
   */
  private static void panels(Part part, int p, int i, int rows, int j, int columns, float[] from, boolean begins, Scratch own) {
    int depth = Math.min(DEPTH, part.depth - p);
    float[] start = from == null ? MicroKernel.ZEROS : from;
    for (int x = 0; x < columns; x += MicroKernel.COLUMNS) {
      float[] b = part.b;
      int bi = (j + x) * part.depth + p * MicroKernel.COLUMNS;
      if (b == null) {
        b = own.panel;
        bi = 0;
        ((Right.Ready) part.term.b).packed.expand(part.from / SLICE, j + x, p, depth, part.depth, b);
      }
      for (int y = 0; y < rows; y += MicroKernel.ROWS) {
        int ai = (i + y) * part.depth + p * MicroKernel.ROWS;
        int ci = y * LDC + x;
        int fi = !begins ? ci : from == null ? 0 : j + x;
        MicroKernel.tile(part.a, ai, b, bi, depth, columns - x, start, fi, begins ? 0 : LDC, own.c, ci, LDC);
      }
    }
  }

  private static int ceil(int n, int unit) {
    return (n + unit - 1) / unit;
  }

  static int roundUp(int n, int unit) {
    return ceil(n, unit) * unit;
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
