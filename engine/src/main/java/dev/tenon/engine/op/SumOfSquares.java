package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import java.util.List;

/** The sum of the squares of all elements of any number of tensors of one type, such as all gradients of a step: a scalar. */
public record SumOfSquares() implements NoGradient {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.that(!inputs.isEmpty(), this, "the number of operands", "at least 1", 0);
    for (int i = 0; i < inputs.size(); i++) {
      Check.floating(this, "operand " + i, inputs.get(i));
      Check.dtype(this, "operand " + i, inputs.getFirst().dtype(), inputs.get(i));
    }
    return List.of(new Spec(inputs.getFirst().dtype(), Shape.of()));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    for (Ref input : inputs) {
      for (double x : input.v()) {
        outputs.getFirst().v()[0] += x * x;
      }
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(2 * inputs.stream().mapToDouble(s -> s.shape().size()).sum(), inputs, outputs);
  }
}
