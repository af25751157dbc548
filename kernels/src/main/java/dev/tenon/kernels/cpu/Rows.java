package dev.tenon.kernels.cpu;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Tensor;
import java.util.List;
import java.util.stream.Stream;

/**
 * Runs a computation over the rows of its operands, a few rows a task. Rows are read into arrays, computed on, and written back, so
 * that the computation itself sees plain arrays whatever the strides. Element-wise maps take rows of any length, as they like.
 */
final class Rows {
  /** Elements of an element-wise map's row: three of them fit into the first cache. */
  static final int TILE = 1024;
  /** Elements a task handles. */
  private static final int GRAIN = 1 << 15;

  private Rows() {}

  /** A computation on one row of each operand. Arrays end on a multiple of the vector length; what lies beyond a row is anything. */
  interface Body {
    /** Fills in the rows {@code out} from the rows {@code in}; {@code n} is the length of the first result's row. */
    void apply(float[][] in, float[][] out, int n);
  }

  /** An operand or result, and the length of its rows (the last one may be shorter). */
  record Operand(Strided data, int width) {
    static Operand of(Tensor tensor, Layout layout, int width) {
      return new Operand(Strided.of(tensor, layout), width);
    }

    private int length(long row) {
      return (int) Math.min(width, data.size() - row * width);
    }
  }

  /** The least multiple of the vector length that holds {@code n} elements. */
  static int padded(int n) {
    return (n + Simd.LANES - 1) / Simd.LANES * Simd.LANES;
  }

  static void run(Workers workers, List<Operand> in, List<Operand> out, Body body) {
    int width = out.getFirst().width;
    long rows = (out.getFirst().data.size() + width - 1) / width;
    int widest = Stream.concat(in.stream(), out.stream()).mapToInt(Operand::width).max().orElse(1);
    long group = Math.max(1, GRAIN / widest);
    workers.run(Math.toIntExact((rows + group - 1) / group), task ->
        some(task * group, Math.min(rows, (task + 1) * group), in, out, body));
  }

  private static void some(long from, long to, List<Operand> in, List<Operand> out, Body body) {
    float[][] x = arrays(in, 0);
    float[][] y = arrays(out, in.size());
    boolean[] same = new boolean[x.length];
    for (long row = from; row < to; row++) {
      for (int i = 0; i < x.length; i++) {
        Operand operand = in.get(i);
        if (!same[i]) {
          operand.data.read(row * operand.width, operand.length(row), x[i]);
          same[i] = row == from && operand.data.repeats(operand.width);
        }
      }
      body.apply(x, y, out.getFirst().length(row));
      for (int i = 0; i < y.length; i++) {
        Operand operand = out.get(i);
        operand.data.write(row * operand.width, operand.length(row), y[i]);
      }
    }
  }

  private static float[][] arrays(List<Operand> operands, int first) {
    float[][] arrays = new float[operands.size()][];
    for (int i = 0; i < arrays.length; i++) {
      arrays[i] = Scratch.array(first + i, padded(operands.get(i).width));
    }
    return arrays;
  }
}
