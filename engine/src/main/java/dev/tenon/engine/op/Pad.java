package dev.tenon.engine.op;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.Arrays;
import java.util.List;

/** Surrounds a tensor with a constant: {@code before.get(d)} and {@code after.get(d)} elements along dimension {@code d}. */
public record Pad(List<Long> before, List<Long> after, double value) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 1).getFirst();
    Check.that(before.size() == x.rank() && after.size() == x.rank(), this, "x",
        "of a rank for which there are paddings " + before + " and " + after, x);
    Shape shape = x.shape();
    for (int d = 0; d < x.rank(); d++) {
      Check.that(before.get(d) >= 0 && after.get(d) >= 0, this, "a padding", "non-negative", before + " and " + after);
      shape = shape.with(d, before.get(d) + x.dim(d) + after.get(d));
    }
    return List.of(x.with(shape));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref x = inputs.getFirst();
    Ref y = outputs.getFirst();
    Layout inside = Layout.contiguous(y.shape());
    for (int d = 0; d < x.rank(); d++) {
      inside = inside.slice(d, before.get(d), before.get(d) + x.dim(d), 1);
    }
    int[] to = Strides.indices(inside);
    Arrays.fill(y.v(), value);
    for (int i = 0; i < to.length; i++) {
      y.v()[to[i]] = x.v()[i];
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor inside = call.gradOutput();
    for (int d = 0; d < inside.rank(); d++) {
      inside = inside.slice(d, before.get(d), before.get(d) + call.input(0).dim(d));
    }
    return List.of(inside);
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(0, inputs, outputs);
  }
}
