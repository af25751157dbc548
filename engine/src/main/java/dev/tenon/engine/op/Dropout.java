package dev.tenon.engine.op;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.random.Philox;
import java.util.List;

/**
 * Zeroes each element with probability {@code p} and scales the others by {@code 1/(1−p)}. Which ones is a function of the seed
 * and of the element's row-major index after {@code offset}, so the gradient draws the same mask again.
 */
public record Dropout(double p, long seed, long offset) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 1).getFirst();
    Check.floating(this, "x", x);
    Check.that(p >= 0 && p <= 1, this, "p", "within 0 to 1", p);
    return List.of(x);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Philox random = Philox.of(seed);
    double[] y = outputs.getFirst().v();
    for (int i = 0; i < y.length; i++) {
      y[i] = random.uniformFloat(offset + i) < p ? 0 : inputs.getFirst().v()[i] / (1 - p);
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(apply(call.gradOutput()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(inputs.getFirst().shape().size(), inputs, outputs);
  }
}
