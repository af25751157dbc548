package dev.tenon.engine.op;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import java.util.List;

/** The same elements, row-major, under another shape. The input must be strided so that no copy is needed. */
public record Reshape(Shape to) implements ViewOp {
  @Override
  public List<Layout> views(Spec input, Layout layout) {
    Check.that(input.shape().size() == to.size(), this, "x", "of " + to.size() + " elements for shape " + to, input);
    return List.of(layout.reshape(to).orElseThrow(
        () -> new TenonException("reshape: x " + layout + " cannot be seen as " + to + " without a copy")));
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(call.gradOutput().reshape(call.input(0).shape()));
  }
}
