package dev.tenon.kernels.cpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.GatedGelu;
import dev.tenon.engine.op.Unary;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * What follows a matrix product element by element, done on a block of its result while that is in the cache: activations, residuals that
 * are added, and the gates of experts.
 *
 * @param n columns of the whole result
 */
record Epilogue(List<Stage> stages, int n) {
  /** A function, a tensor that is added, or one that has a factor for some neighbors; the others are null, or their number 0. */
  private record Stage(Rows.Body map, Tensor residual, Strided gate, int width) {
    static Stage map(Unary op) {
      return new Stage(UnaryMaps.of(op), null, null, 0);
    }
  }

  /** Whether {@code call} can follow what made {@code value}. */
  static boolean fits(Call call, Tensor value) {
    return switch (call.op()) {
      case Unary _ -> call.output(0).dtype() == DType.F32;
      case Binary(Binary.Fn fn) -> fn == Binary.Fn.ADD && call.inputs().stream()
          .allMatch(t -> t.shape().equals(call.output(0).shape()) && t.layout().isContiguous() && t.dtype() == DType.F32);
      case GatedGelu _ -> call.input(0).storage() == value.storage() && call.input(1).storage() != value.storage()
          && call.output(0).dtype() == DType.F32;
      default -> false;
    };
  }

  /** What the calls of {@code following} do to the result of {@code product}. */
  static Epilogue of(Call product, List<Call> following) {
    List<Stage> stages = new ArrayList<>();
    Tensor value = product.output(0);
    int n = (int) value.dim(-1);
    for (Call call : following) {
      Tensor last = value;
      switch (call.op()) {
        case Unary unary -> stages.add(Stage.map(unary));
        case GatedGelu(int experts) -> {
          stages.add(new Stage(null, null, Strided.of(call.input(1)), n / experts));
          stages.add(Stage.map(Unary.of(Unary.Fn.GELU)));
        }
        default -> stages.add(new Stage(
            null, call.inputs().stream().filter(t -> t.storage() != last.storage()).findFirst().orElseThrow(), null, 0));
      }
      value = call.output(0);
    }
    return new Epilogue(stages, n);
  }

  /**
   * Works on {@code rows} × {@code columns} elements of {@code x}, rows {@code ld} apart, which are the result from [row, column] on. What
   * lies between rows is worked on, too. {@code y} holds an array of the same size, and the two may have been exchanged afterwards.
   */
  void apply(float[][] x, float[][] y, int ld, int row, int rows, int column, int columns) {
    int size = rows * ld;
    for (Stage stage : stages) {
      if (stage.gate != null) {
        gate(stage, x[0], ld, row, rows, column, columns);
        continue;
      }
      if (stage.map != null) {
        stage.map.apply(x, y, size);
      } else {
        long from = stage.residual.layout().offset() + (long) row * n + column;
        for (int r = 0; r < rows; r++) {
          MemorySegment.copy(stage.residual.storage().segment(), Simd.FLOAT, (from + (long) r * n) * 4, y[0], r * ld, columns);
        }
        BinaryMaps.add(x[0], y[0], y[0], size);
      }
      float[] result = y[0];
      y[0] = x[0];
      x[0] = result;
    }
  }

  /** Multiplies what belongs to an expert by its gate. */
  private void gate(Stage stage, float[] x, int ld, int row, int rows, int column, int columns) {
    int experts = n / stage.width;
    float[] gates = Scratch.array(Scratch.ROOM, rows * experts);
    stage.gate.read((long) row * experts, rows * experts, gates);
    for (int r = 0; r < rows; r++) {
      for (int e = column / stage.width; e * stage.width < column + columns; e++) {
        int from = r * ld + Math.max(0, e * stage.width - column);
        int to = r * ld + Math.min(columns, (e + 1) * stage.width - column);
        multiply(x, from, to, gates[r * experts + e]);
      }
    }
  }

  private static void multiply(float[] x, int from, int to, float factor) {
    for (int i = from; i < to; i++) {
      x[i] *= factor;
    }
  }
}
