package dev.tenon.kernels.cpu;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.GatedGelu;
import dev.tenon.engine.op.GatedGeluGrad;
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.LogSoftmax;
import dev.tenon.engine.op.LogSoftmaxGrad;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.SoftmaxGrad;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/** Runs the ops that work on each row by itself: the softmax family along any dimension, layer norm, and the gated GELU. */
record RowKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS = List.of(
      Softmax.class, SoftmaxGrad.class, LogSoftmax.class, LogSoftmaxGrad.class, LayerNorm.class, GatedGelu.class,
      GatedGeluGrad.class);

  @Override
  public String name() {
    return "rows";
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.rows(call);
  }

  @Override
  public void launch(Call call) {
    switch (call.op()) {
      case Softmax(int axis) -> along(axis, call, width -> (in, out, n) -> RowMaps.softmax(in[0], out[0], n, width));
      case SoftmaxGrad(int axis) -> along(axis, call, width -> (in, out, n) -> RowMaps.softmaxGrad(in[0], in[1], out[0], n, width));
      case LogSoftmax(int axis) -> along(axis, call, width -> (in, out, n) -> RowMaps.logSoftmax(in[0], out[0], n, width));
      case LogSoftmaxGrad(int axis) ->
          along(axis, call, width -> (in, out, n) -> RowMaps.logSoftmaxGrad(in[0], in[1], out[0], n, width));
      case LayerNorm norm -> layerNorm(norm, call);
      case GatedGelu(int experts) -> gated(experts, call);
      case GatedGeluGrad(int experts) -> gated(experts, call);
      default -> throw new IllegalArgumentException(call.op().name() + " does not work on rows");
    }
  }

  /** Rows along {@code axis}, which is seen as the last dimension. */
  private void along(int axis, Call call, IntFunction<Rows.Body> body) {
    Shape shape = call.output(0).shape();
    int a = shape.axis(axis);
    int[] order = IntStream.range(0, shape.rank()).map(d -> d == shape.rank() - 1 ? a : d < a ? d : d + 1).toArray();
    int width = (int) shape.dim(a);
    Rows.blocks(workers, operands(call.inputs(), order, width), operands(call.outputs(), order, width), body.apply(width));
  }

  private static List<Rows.Operand> operands(List<Tensor> tensors, int[] order, int width) {
    return tensors.stream().map(t -> Rows.Operand.of(t, t.layout().permute(order), width)).toList();
  }

  private void layerNorm(LayerNorm norm, Call call) {
    Shape shape = call.input(0).shape();
    int width = (int) shape.product(shape.rank() - norm.dims(), shape.rank());
    List<Rows.Operand> in = call.inputs().stream().map(t -> Rows.Operand.of(t, t.layout(), width)).toList();
    List<Rows.Operand> out = List.of(
        Rows.Operand.of(call.output(0), call.output(0).layout(), width),
        Rows.Operand.of(call.output(1), call.output(1).layout(), 1),
        Rows.Operand.of(call.output(2), call.output(2).layout(), 1));
    Rows.blocks(workers, in, out, (x, y, size) -> NormMaps.layerNorm(x, y, size, width, norm.eps()));
  }

  /** Rows are the hidden channels of one token; the gate and its gradient have an element for each expert's share of them. */
  private void gated(int experts, Call call) {
    int hidden = (int) call.input(0).dim(-1);
    int width = hidden / experts;
    List<Rows.Operand> in = IntStream.range(0, call.inputs().size())
        .mapToObj(i -> Rows.Operand.of(call.input(i), call.input(i).layout(), i == 1 ? experts : hidden))
        .toList();
    List<Rows.Operand> out = IntStream.range(0, call.outputs().size())
        .mapToObj(i -> Rows.Operand.of(call.output(i), call.output(i).layout(), i == 1 ? experts : hidden))
        .toList();
    Rows.blocks(workers, in, out, (x, y, size) -> {
      float[] room = Scratch.array(Scratch.ROOM, x[0].length);
      if (call.op() instanceof GatedGelu) {
        RowMaps.gatedGelu(x[0], x[1], room, y[0], size, width);
      } else {
        RowMaps.gatedGeluGrad(x, room, y[0], y[1], size, width);
      }
    });
  }
}
