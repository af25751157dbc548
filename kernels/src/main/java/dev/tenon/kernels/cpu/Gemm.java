package dev.tenon.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * The matrix product all dense kernels share: C = bias + Σ Aᵢ·Bᵢ, cut into blocks that stay in the caches. Operands are
 * packed a slice of the depth at a time, by all threads, the right one unless it {@linkplain Packed has been before}. Each element is
 * summed in one order whatever the number of threads.
 */
final class Gemm {
  /** Rows of C that a task works on. */
  private static final int ROW_BLOCK = 112;
  /** Up to so many rows a task works on all of them, where it lays out its own columns. */
  private static final int FEW_ROWS = 2 * ROW_BLOCK;
  /** Columns of C that a task works on, a panel at a time. */
  private static final int COLUMN_BLOCK = 128 / MicroKernel.COLUMNS * MicroKernel.COLUMNS;
  /** Depth that is packed and summed in registers at a time. Sums rest in C between. */
  static final int SLICE = 1024;
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
    private final float[][] c = {block()};
    private final float[][] spare = {block()};
    private float[] panels = {};

    private static float[] block() {
      return new float[roundUp(FEW_ROWS, MicroKernel.ROWS) * COLUMN_BLOCK + Simd.LANES];
    }
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
        parts.add(new Part(term, from, part, arrays.take(roundUp(m, MicroKernel.ROWS) * part), right(term.b, m, n, from, part)));
        depth += part;
        from += part;
      } while (from < term.a.length());
    }
    slice(new Slice(parts, first, true), m, n, target);
  }

  /**
   * Where the packed columns of a part are, or will be. Null when a task lays out its own columns: where it has all rows, nobody else needs
   * them, so they never leave its cache; and those that are stored short are many in memory, and floats only in a cache.
   */
  private float[] right(Right b, int m, int n, int from, int depth) {
    return switch (b) {
      case Right.Columns _ -> m <= FEW_ROWS ? null : arrays.take(roundUp(n, MicroKernel.COLUMNS) * depth);
      case Right.Ready(Packed packed) -> packed.floats(from / SLICE);
    };
  }

  /** A piece of a term's depth, and its packed operands. */
  private record Part(Term term, int from, int depth, float[] a, float[] b) {}

  /** What is packed and summed before sums go to memory; whether it is the first and the last that goes into C. */
  private record Slice(List<Part> parts, boolean first, boolean last) {
    /** Whether a single row meets matrices that are best read as they lie. */
    boolean isRow(int m, int n) {
      return m == 1 && parts.stream().allMatch(part -> part.term.b instanceof Right.Columns(Lanes b) && b.step() != 1 && b.adjacent(0, n));
    }

    boolean small(int m, int n) {
      return (long) m * n * parts.stream().mapToInt(Part::depth).sum() < SMALL;
    }
  }

  private void slice(Slice slice, int m, int n, Target target) {
    boolean small = slice.small(m, n);
    for (Part part : slice.parts) {
      pack(part, m, n, small || (long) (m + n) * part.depth < PACK_GRAIN);
    }
    boolean whole = m <= FEW_ROWS && slice.parts.stream().anyMatch(part -> part.b == null);
    int rows = roundUp(whole ? m : ceil(m, ceil(m, ROW_BLOCK)), MicroKernel.ROWS);
    int rowBlocks = ceil(m, rows);
    int pieces = small || workers.threads() == 1 ? 1 : ceil(TASKS * workers.threads(), rowBlocks);
    boolean row = slice.isRow(m, n);
    int most = row ? MicroKernel.ROWS * COLUMN_BLOCK : COLUMN_BLOCK;
    int columns = roundUp(ceil(n, Math.max(ceil(n, most), pieces)), MicroKernel.COLUMNS);
    int columnBlocks = ceil(n, columns);
    share(rowBlocks * columnBlocks, small, task -> {
      // Tasks that follow each other share columns, which are in the cache already.
      int i = task % rowBlocks * rows;
      int j = task / rowBlocks * columns;
      int width = Math.min(columns, n - j);
      if (row) {
        row(slice, j, width, target);
      } else {
        block(slice, i, Math.min(rows, m - i), j, width, n, target);
      }
    });
    for (Part part : slice.parts) {
      arrays.give(part.a);
      if (part.b != null && part.term.b instanceof Right.Columns) {
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
    int columnTasks = part.b != null && part.term.b instanceof Right.Columns ? ceil(n, width) : 0;
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

  private void block(Slice slice, int i, int rows, int j, int columns, int n, Target target) {
    Scratch own = scratch.get();
    layOut(slice, j, columns, own);
    int ldc = roundUp(columns, MicroKernel.COLUMNS);
    long at = target.offset + (long) i * n + j;
    for (int r = 0; r < rows && !slice.first; r++) {
      MemorySegment.copy(target.out, Simd.FLOAT, (at + (long) r * n) * 4, own.c[0], r * ldc, columns);
    }
    sum(slice, i, rows, j, columns, target.bias, own, ldc);
    if (slice.last && target.epilogue != null) {
      target.epilogue.apply(own.c, own.spare, ldc, i, rows, j, columns);
    }
    for (int r = 0; r < rows; r++) {
      MemorySegment.copy(own.c[0], r * ldc, target.out, Simd.FLOAT, (at + (long) r * n) * 4, columns);
    }
  }

  private void row(Slice slice, int j, int columns, Target target) {
    Scratch own = scratch.get();
    float[] c = own.c[0];
    if (!slice.first) {
      MemorySegment.copy(target.out, Simd.FLOAT, (target.offset + j) * 4, c, 0, columns);
    } else if (target.bias != null) {
      System.arraycopy(target.bias, j, c, 0, columns);
    } else {
      Arrays.fill(c, 0, columns, 0);
    }
    for (Part part : slice.parts) {
      Lanes b = ((Right.Columns) part.term.b).lanes;
      OneRow.add(part.a, MicroKernel.ROWS, part.depth, b.data(), b.starts()[j] + part.from * b.step(), b.step(), columns, c);
    }
    if (slice.last && target.epilogue != null) {
      target.epilogue.apply(own.c, own.spare, columns, 0, 1, j, columns);
    }
    MemorySegment.copy(own.c[0], 0, target.out, Simd.FLOAT, (target.offset + j) * 4, columns);
  }

  /** Lays out the columns of those parts that do not have them packed, one part after the other. */
  private static void layOut(Slice slice, int j, int columns, Scratch own) {
    int size = 0;
    for (Part part : slice.parts) {
      size += part.b == null ? Packed.room(columns, part.depth) : 0;
    }
    own.panels = own.panels.length < size ? new float[size] : own.panels;
    int at = 0;
    for (Part part : slice.parts) {
      if (part.b != null) {
        continue;
      }
      switch (part.term.b) {
        case Right.Columns(Lanes lanes) -> lanes.pack(j, columns, part.from, part.depth, MicroKernel.COLUMNS, own.panels, at);
        case Right.Ready(Packed packed) -> packed.expand(part.from / SLICE, j, columns, part.depth, own.panels, at);
      }
      at += Packed.room(columns, part.depth);
    }
  }

  /**
   * Sums a block of C over a slice, all strips of A with a panel of B before the next panel. Where the slice is the first, sums start at
   * {@code bias}, which may be null.
   */
  private static void sum(Slice slice, int i, int rows, int j, int columns, float[] bias, Scratch own, int ldc) {
    boolean begins = slice.first;
    int laidOut = 0;
    for (Part part : slice.parts) {
      float[] b = part.b == null ? own.panels : part.b;
      int bi = part.b == null ? laidOut : j * part.depth;
      laidOut += part.b == null ? Packed.room(columns, part.depth) : 0;
      float[] from = !begins ? own.c[0] : bias == null ? Tile.ZEROS : bias;
      int ldf = begins ? 0 : ldc;
      for (int x = 0; x < columns; x += MicroKernel.COLUMNS) {
        for (int y = 0; y < rows; y += MicroKernel.ROWS) {
          int ci = y * ldc + x;
          int fi = !begins ? ci : bias == null ? 0 : j + x;
          MicroKernel.TILE.run(rows - y, columns - x, part.a, (i + y) * part.depth, b, bi + x * part.depth, part.depth,
              from, fi, ldf, own.c[0], ci, ldc);
        }
      }
      begins = false;
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
