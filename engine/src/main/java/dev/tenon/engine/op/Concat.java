package dev.tenon.engine.op;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.ArrayList;
import java.util.List;

/** Joins tensors along one dimension; negative counts from the last. All other extents must agree. */
public record Concat(int axis) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.that(!inputs.isEmpty(), this, "the number of operands", "at least 1", 0);
    Spec first = inputs.getFirst();
    int a = Lanes.axis(this, axis, "each operand", first);
    long extent = 0;
    for (Spec x : inputs) {
      Check.dtype(this, "each operand", first.dtype(), x);
      boolean fits = x.rank() == first.rank() && x.shape().without(a).equals(first.shape().without(a));
      Check.that(fits, this, "each operand", "of shape " + first.shape() + " but for dimension " + a, x);
      extent += x.dim(a);
    }
    return List.of(first.with(first.shape().with(a, extent)));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Shape shape = outputs.getFirst().shape();
    int a = shape.axis(axis);
    long from = 0;
    for (Ref x : inputs) {
      int[] at = Strides.indices(Layout.contiguous(shape).slice(a, from, from + x.dim(a), 1));
      for (int i = 0; i < at.length; i++) {
        outputs.getFirst().v()[at[i]] = x.v()[i];
      }
      from += x.dim(a);
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    List<Tensor> gradients = new ArrayList<>();
    int a = call.output(0).shape().axis(axis);
    long from = 0;
    for (int i = 0; i < call.inputs().size(); i++) {
      long to = from + call.input(i).dim(a);
      gradients.add(call.needs(i) ? call.gradOutput().slice(a, from, to) : null);
      from = to;
    }
    return gradients;
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(0, inputs, outputs);
  }
}
