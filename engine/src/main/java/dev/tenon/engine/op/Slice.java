package dev.tenon.engine.op;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Tensor;
import java.util.List;

/** Elements {@code from, from + step, …} below {@code to} of one dimension. */
public record Slice(int axis, long from, long to, long step) implements ViewOp {
  @Override
  public List<Layout> views(Spec input, Layout layout) {
    Check.that(axis >= 0 && axis < input.rank(), this, "x", "of a rank above " + axis, input);
    Check.that(step > 0, this, "step", "positive", step);
    Check.that(0 <= from && from <= to && to <= input.dim(axis), this, "the range",
        "inside dimension " + axis + " of " + input.shape(), from + " to " + to);
    return List.of(layout.slice(axis, from, to, step));
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(new SliceGrad(axis, from, to, step, call.input(0).dim(axis)).apply(call.gradOutput()));
  }
}
