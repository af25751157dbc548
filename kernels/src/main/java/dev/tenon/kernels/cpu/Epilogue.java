package dev.tenon.kernels.cpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Unary;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * What follows a matrix product element by element, done on a block of its result while that is in the cache: activations, and residuals
 * that are added.
 *
 * @param n columns of the whole result
 */
record Epilogue(List<Stage> stages, int n) {
  /** Either a function or a tensor that is added; the other is null. */
  private record Stage(Rows.Body map, Tensor residual) {}

  /** Whether {@code call} can follow. */
  static boolean fits(Call call) {
    return switch (call.op()) {
      case Unary _ -> call.output(0).dtype() == DType.F32;
      case Binary(Binary.Fn fn) -> fn == Binary.Fn.ADD && call.inputs().stream()
          .allMatch(t -> t.shape().equals(call.output(0).shape()) && t.layout().isContiguous() && t.dtype() == DType.F32);
      default -> false;
    };
  }

  /** What the calls of {@code following} do to the result of {@code product}. */
  static Epilogue of(Call product, List<Call> following) {
    List<Stage> stages = new ArrayList<>();
    Tensor value = product.output(0);
    for (Call call : following) {
      Tensor last = value;
      stages.add(call.op() instanceof Unary unary
          ? new Stage(UnaryMaps.of(unary), null)
          : new Stage(null, call.inputs().stream().filter(t -> t.storage() != last.storage()).findFirst().orElseThrow()));
      value = call.output(0);
    }
    return new Epilogue(stages, (int) product.output(0).dim(-1));
  }

  /**
   * Works on {@code rows} × {@code columns} elements of {@code x}, rows {@code ld} apart, which are the result from [row, column] on. What
   * lies between rows is worked on, too. {@code y} holds an array of the same size, and the two may have been exchanged afterwards.
   */
  void apply(float[][] x, float[][] y, int ld, int row, int rows, int column, int columns) {
    int size = rows * ld;
    for (Stage stage : stages) {
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
}
