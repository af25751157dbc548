package dev.tenon.kernels.cpu;

import dev.tenon.engine.Layout;
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
import java.util.stream.IntStream;
import java.util.stream.LongStream;

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
      case Softmax(int axis) -> along(axis, call, (in, out, n) -> RowMaps.softmax(in[0], out[0], n));
      case SoftmaxGrad(int axis) -> along(axis, call, (in, out, n) -> RowMaps.softmaxGrad(in[0], in[1], out[0], n));
      case LogSoftmax(int axis) -> along(axis, call, (in, out, n) -> RowMaps.logSoftmax(in[0], out[0], n));
      case LogSoftmaxGrad(int axis) -> along(axis, call, (in, out, n) -> RowMaps.logSoftmaxGrad(in[0], in[1], out[0], n));
      case LayerNorm norm -> layerNorm(norm, call);
      case GatedGelu(int experts) -> gated(experts, call, RowMaps::gatedGelu);
      case GatedGeluGrad(int experts) -> gated(experts, call, (in, out, n) -> RowMaps.gatedGeluGrad(in, out, n, experts));
      default -> throw new IllegalArgumentException(call.op().name() + " does not work on rows");
    }
  }

  /** Rows along {@code axis}, which is seen as the last dimension. */
  private void along(int axis, Call call, Rows.Body body) {
    Shape shape = call.output(0).shape();
    int a = shape.axis(axis);
    int[] order = IntStream.range(0, shape.rank()).map(d -> d == shape.rank() - 1 ? a : d < a ? d : d + 1).toArray();
    int width = (int) shape.dim(a);
    Rows.run(workers, operands(call.inputs(), order, width), operands(call.outputs(), order, width), body);
  }

  private static List<Rows.Operand> operands(List<Tensor> tensors, int[] order, int width) {
    return tensors.stream().map(t -> Rows.Operand.of(t, t.layout().permute(order), width)).toList();
  }

  private void layerNorm(LayerNorm norm, Call call) {
    Shape shape = call.input(0).shape();
    int width = (int) shape.product(shape.rank() - norm.dims(), shape.rank());
    List<Rows.Operand> in = call.inputs().stream().map(t -> Rows.Operand.of(t, t.layout().expand(shape), width)).toList();
    List<Rows.Operand> out = List.of(
        Rows.Operand.of(call.output(0), call.output(0).layout(), width),
        Rows.Operand.of(call.output(1), call.output(1).layout(), 1),
        Rows.Operand.of(call.output(2), call.output(2).layout(), 1));
    Rows.run(workers, in, out, (x, y, n) -> RowMaps.layerNorm(x, y, n, norm.eps()));
  }

  /** Rows are the hidden channels of one token; the gate is seen as wide as they are, its gradient has an element an expert. */
  private void gated(int experts, Call call, Rows.Body body) {
    Tensor z = call.input(0);
    int hidden = (int) z.dim(-1);
    Tensor gate = call.input(1);
    Layout wide = Layout.of(
            gate.shape().insert(gate.rank(), 1), LongStream.concat(LongStream.of(gate.layout().strides()), LongStream.of(0)).toArray(),
            gate.layout().offset())
        .expand(gate.shape().insert(gate.rank(), hidden / experts));
    List<Rows.Operand> in = IntStream.range(0, call.inputs().size())
        .mapToObj(i -> Rows.Operand.of(call.input(i), i == 1 ? wide : call.input(i).layout(), hidden))
        .toList();
    List<Rows.Operand> out = IntStream.range(0, call.outputs().size())
        .mapToObj(i -> Rows.Operand.of(call.output(i), call.output(i).layout(), i == 1 ? experts : hidden))
        .toList();
    Rows.run(workers, in, out, body);
  }
}
