package dev.tenon.engine.op;

import dev.tenon.engine.Tensor;
import java.util.List;

/**
 * {@code GELU(z ⊙ gate)} of a hidden layer split into experts: the router's weight of expert {@code k} scales its channels
 * {@code k·hidden/experts …} before the activation (EMTAL, the router fade of a mixture of low-rank experts).
 *
 * <p>Operands: z {@code [..., hidden]}, gate {@code [..., experts]} → {@code [..., hidden]}.
 */
public record GatedGelu(int experts) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, 2);
    return List.of(check(this, experts, inputs));
  }

  /** Checks z and gate, and returns z. */
  static Spec check(Op op, int experts, List<Spec> inputs) {
    Spec z = inputs.get(0);
    Check.floating(op, "z", z);
    Check.that(experts > 0, op, "experts", "positive", experts);
    Check.that(z.rank() >= 1 && z.dim(-1) % experts == 0, op, "z", "[..., a multiple of " + experts + "]", z);
    Spec gate = z.with(z.shape().with(-1, experts));
    Check.that(inputs.get(1).equals(gate), op, "gate", gate.toString(), inputs.get(1));
    return z;
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref z = inputs.get(0);
    double[] gate = inputs.get(1).v();
    double[] y = outputs.getFirst().v();
    int width = z.dim(-1) / experts;
    for (int i = 0; i < y.length; i++) {
      y[i] = Unary.Fn.GELU.value(z.v()[i] * gate[i / width], 0, 0);
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return new GatedGeluGrad(experts).applyAll(List.of(call.input(0), call.input(1), call.gradOutput()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(2.0 * outputs.getFirst().shape().size(), inputs, outputs);
  }
}
