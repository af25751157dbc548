package dev.tenon.engine.op;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.List;

/** Repeats dimensions of extent 1, and adds leading ones, without copying. */
public record Expand(Shape to) implements ViewOp {
  @Override
  public List<Layout> views(Spec input, Layout layout) {
    Check.that(input.shape().broadcastsTo(to), this, "x", "of a shape that broadcasts to " + to, input);
    return List.of(layout.expand(to));
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(call.gradOutput().sumTo(call.input(0).shape()));
  }
}
