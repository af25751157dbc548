package dev.tenon.kernels.cpu;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Tensor;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Runs a computation over the rows of its operands, a few rows a task. Rows are read into arrays, computed on, and written back, so
 * that the computation itself sees plain arrays whatever the strides. Element-wise maps take rows of any length, as they like.
 */
final class Rows {
  /** Elements of an element-wise map's row: three of them fit into the first cache. */
  static final int TILE = 1024;
  /** Elements in a block of rows. */
  static final int BLOCK = 2048;
  /** Elements a task handles. */
  private static final int GRAIN = 1 << 15;

  private Rows() {}

  /**
   * A computation on a row of each operand, or on a block of rows that follow each other. What lies beyond them in an array is anything,
   * and as many elements as a vector has may be read and written there.
   */
  interface Body {
    /** Fills in the rows {@code out} from the rows {@code in}; {@code n} is how many elements the first result has in them. */
    void apply(float[][] in, float[][] out, int n);
  }

  /** An operand or result, and the length of its rows (the last one may be shorter). */
  record Operand(Strided data, int width) {
    static Operand of(Tensor tensor, Layout layout, int width) {
      return new Operand(Strided.of(tensor, layout), width);
    }

    /** Whether a block of rows sees but one row of it: the first, which every row shares. */
    private boolean shared(int block) {
      return block == 1 ? data.repeats(width) : isOneRow();
    }

    /** Whether it has but one row. */
    boolean isOneRow() {
      return data.size() == width;
    }

    /** Elements in {@code rows} rows from {@code row} on. */
    int length(long row, long rows) {
      return (int) Math.min(rows * width, data.size() - row * width);
    }
  }

  /** The least multiple of the vector length that holds {@code n} elements. */
  static int padded(int n) {
    return (n + Simd.LANES - 1) / Simd.LANES * Simd.LANES;
  }

  /** Runs {@code body} on one row of each operand at a time. */
  static void run(Workers workers, List<Operand> in, List<Operand> out, Body body) {
    run(workers, List.of(new Pass(in, out, 1, body)));
  }

  /** Runs {@code body} on blocks of as many rows as the first cache holds well; operands of one row are shared by all. */
  static void blocks(Workers workers, List<Operand> in, List<Operand> out, Body body) {
    run(workers, List.of(new Pass(in, out, Math.max(1, BLOCK / widest(in, out)), body)));
  }

  private static int widest(List<Operand> in, List<Operand> out) {
    int widest = 1;
    for (Operand operand : in) {
      widest = Math.max(widest, operand.width);
    }
    for (Operand operand : out) {
      widest = Math.max(widest, operand.width);
    }
    return widest;
  }

  /** Runs passes that do not depend on each other, all at once. */
  static void run(Workers workers, List<Pass> passes) {
    int[] tasks = passes.stream().mapToInt(Pass::tasks).toArray();
    workers.run(IntStream.of(tasks).sum(), task -> {
      int pass = 0;
      int rest = task;
      while (rest >= tasks[pass]) {
        rest -= tasks[pass++];
      }
      passes.get(pass).run(rest);
    });
  }

  /**
   * A computation over all rows of some operands.
   *
   * @param block rows that {@code body} gets at a time
   */
  record Pass(List<Operand> in, List<Operand> out, int block, Body body) {
    private long rows() {
      int width = out.getFirst().width;
      return (out.getFirst().data.size() + width - 1) / width;
    }

    /** Rows of a task. */
    private long group() {
      return Math.max(1, GRAIN / widest(in, out) / block) * block;
    }

    private int tasks() {
      return Math.toIntExact((rows() + group() - 1) / group());
    }

    private void run(int task) {
      some(task * group(), Math.min(rows(), (task + 1) * group()));
    }

    private void some(long from, long to) {
      float[][] x = arrays(in, 0, block);
      float[][] y = arrays(out, in.size(), block);
      for (int i = 0; i < x.length; i++) {
        Operand operand = in.get(i);
        if (operand.shared(block)) {
          operand.data.read(0, operand.width, x[i]);
        }
      }
      for (long row = from; row < to; row += block) {
        long count = Math.min(block, to - row);
        for (int i = 0; i < x.length; i++) {
          Operand operand = in.get(i);
          if (!operand.shared(block)) {
            operand.data.read(row * operand.width, operand.length(row, count), x[i]);
          }
        }
        body.apply(x, y, out.getFirst().length(row, count));
        for (int i = 0; i < y.length; i++) {
          Operand operand = out.get(i);
          operand.data.write(row * operand.width, operand.length(row, count), y[i]);
        }
      }
    }
  }

  private static float[][] arrays(List<Operand> operands, int first, int block) {
    float[][] arrays = new float[operands.size()][];
    for (int i = 0; i < arrays.length; i++) {
      arrays[i] = Scratch.array(first + i, padded(operands.get(i).width * block) + Simd.LANES);
    }
    return arrays;
  }
}
