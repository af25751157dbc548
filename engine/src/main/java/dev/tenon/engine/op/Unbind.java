package dev.tenon.engine.op;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.List;
import java.util.stream.IntStream;

/** Takes a tensor apart along one dimension: as many views as it has elements there, each without that dimension. */
public record Unbind(int axis) implements ViewOp {
  @Override
  public List<Layout> views(Spec input, Layout layout) {
    Check.that(axis >= -input.rank() && axis < input.rank(), this, "x", "of a rank that has dimension " + axis, input);
    int a = input.shape().axis(axis);
    Shape shape = input.shape().without(a);
    long[] strides = IntStream.range(0, input.rank()).filter(i -> i != a).mapToLong(layout::stride).toArray();
    return IntStream.range(0, (int) input.dim(a))
        .mapToObj(i -> Layout.of(shape, strides, layout.offset() + i * layout.stride(a)))
        .toList();
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    int a = call.input(0).shape().axis(axis);
    List<Tensor> parts = IntStream.range(0, call.outputs().size())
        .mapToObj(i -> call.gradOutput(i).reshape(call.output(i).shape().insert(a, 1)))
        .toList();
    return List.of(new Concat(a).applyAll(parts).getFirst());
  }
}
