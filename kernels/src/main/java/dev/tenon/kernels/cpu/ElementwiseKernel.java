package dev.tenon.kernels.cpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Cast;
import dev.tenon.engine.op.Compare;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.op.UnaryGrad;
import dev.tenon.engine.op.Where;
import java.util.List;
import java.util.stream.IntStream;

/** Runs the ops that work on each element by itself, over operands of any strides that broadcast to the result's shape. */
record ElementwiseKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS = List.of(
      Unary.class, UnaryGrad.class, Binary.class, Compare.class, Where.class, Cast.class);

  @Override
  public String name() {
    return "elementwise";
  }

  @Override
  public Offer accepts(Call call) {
    if (call.op() instanceof Cast) {
      return Fit.staged(call);
    }
    for (Tensor t : call.inputs()) {
      if (t.dtype() != DType.F32 && t.dtype() != DType.BOOL) {
        return Offer.refuse("computes in F32, and an operand is " + t.dtype());
      }
    }
    return Fit.accept();
  }

  @Override
  public void launch(Call call) {
    if (call.op() instanceof Cast) {
      Rows.run(workers, IntStream.range(0, call.outputs().size()).mapToObj(i -> cast(call.input(i), call.output(i))).toList());
      return;
    }
    Shape shape = call.output(0).shape();
    int tile = (int) Math.min(Rows.TILE, Math.max(1, shape.size()));
    List<Rows.Operand> in = call.inputs().stream().map(t -> Rows.Operand.of(t, t.layout().expand(shape), tile)).toList();
    List<Rows.Operand> out = call.outputs().stream().map(t -> Rows.Operand.of(t, t.layout(), tile)).toList();
    switch (call.op()) {
      case Unary(Unary.Fn fn, _, _) when fn == Unary.Fn.GELU -> Spans.run(workers, in, out, (x, y, n) -> GeluMaps.gelu(x[0], y[0], n));
      case UnaryGrad(Unary.Fn fn, _, _) when fn == Unary.Fn.GELU ->
          Spans.run(workers, in, out, (x, y, n) -> GeluMaps.gradient(x[0], x[1], y[0], n));
      case Op op -> Rows.run(workers, in, out, body(op));
    }
  }

  private static Rows.Pass cast(Tensor x, Tensor y) {
    int tile = Math.clamp(x.size(), 1, Rows.TILE);
    return new Rows.Pass(List.of(Rows.Operand.of(x, x.layout(), tile)), List.of(Rows.Operand.of(y, y.layout(), tile)), 1,
        (in, out, n) -> System.arraycopy(in[0], 0, out[0], 0, n));
  }

  private static Rows.Body body(Op op) {
    return switch (op) {
      case Unary unary -> UnaryMaps.of(unary);
      case UnaryGrad grad -> UnaryMaps.of(grad);
      case Binary(Binary.Fn fn) -> BinaryMaps.of(fn);
      case Compare(Compare.Relation relation) -> BinaryMaps.of(relation);
      case Where _ -> (in, out, n) -> BinaryMaps.where(in[0], in[1], in[2], out[0], n);
      default -> throw new IllegalArgumentException(op.name() + " is not element-wise");
    };
  }
}
