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
      case Softmax(int axis) when ColumnMaps.fits(call, axis) -> ColumnMaps.run(workers, call, axis,
          (at, n, step, count) -> ColumnMaps.softmax(call.input(0), call.output(0), at, n, step, count));
      case SoftmaxGrad(int axis) when ColumnMaps.fits(call, axis) -> ColumnMaps.run(workers, call, axis,
          (at, n, step, count) -> ColumnMaps.softmaxGrad(call.input(0), call.input(1), call.output(0), at, n, step, count));
      case Softmax(int axis) -> spans(axis, call, width -> (in, out, n) -> RowMaps.softmax(in[0], out[0], n, width));
      case SoftmaxGrad(int axis) -> spans(axis, call, width -> (in, out, n) -> RowMaps.softmaxGrad(in[0], in[1], out[0], n, width));
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
    int width = (int) call.output(0).dim(axis);
    Rows.blocks(workers, operands(call.inputs(), axis), operands(call.outputs(), axis), body.apply(width));
  }

  private void spans(int axis, Call call, IntFunction<Spans.Body> body) {
    int width = (int) call.output(0).dim(axis);
    Spans.run(workers, operands(call.inputs(), axis), operands(call.outputs(), axis), body.apply(width));
  }

  private static List<Rows.Operand> operands(List<Tensor> tensors, int axis) {
    Shape shape = tensors.getFirst().shape();
    int[] order = LineKernel.lastly(shape.rank(), shape.axis(axis));
    return tensors.stream().map(t -> Rows.Operand.of(t, t.layout().permute(order), (int) shape.dim(axis))).toList();
  }

  private void layerNorm(LayerNorm norm, Call call) {
    Shape shape = call.input(0).shape();
    int width = (int) shape.product(shape.rank() - norm.dims(), shape.rank());
    List<Rows.Operand> in = call.inputs().stream().map(t -> Rows.Operand.of(t, t.layout(), width)).toList();
    List<Rows.Operand> out = List.of(
        Rows.Operand.of(call.output(0), call.output(0).layout(), width),
        Rows.Operand.of(call.output(1), call.output(1).layout(), 1),
        Rows.Operand.of(call.output(2), call.output(2).layout(), 1));
    Spans.run(workers, in, out, (x, y, size) -> NormMaps.layerNorm(x, y, size, width, norm.eps()));
  }

  /** Rows are the channels of one expert for one token; the gate and its gradient have an element for each. */
  private void gated(int experts, Call call) {
    int width = (int) call.input(0).dim(-1) / experts;
    Spans.Body body = call.op() instanceof GatedGelu
        ? (in, out, size) -> RowMaps.gatedGelu(in, out, size, width)
        : (in, out, size) -> RowMaps.gatedGeluGrad(in, out, size, width);
    Spans.run(workers, channels(call.inputs(), width), channels(call.outputs(), width), body);
  }

  private static List<Rows.Operand> channels(List<Tensor> tensors, int width) {
    return IntStream.range(0, tensors.size())
        .mapToObj(i -> Rows.Operand.of(tensors.get(i), tensors.get(i).layout(), i == 1 ? 1 : width)).toList();
  }
}
