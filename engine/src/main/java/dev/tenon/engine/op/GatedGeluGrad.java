package dev.tenon.engine.op;

import java.util.List;

/** The gradient of {@link GatedGelu}. Operands: z, gate, gradOutput (as z). Results: gradZ (as z), gradGate (as gate). */
public record GatedGeluGrad(int experts) implements NoGradient {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, 3);
    Spec z = GatedGelu.check(this, experts, inputs);
    Check.that(inputs.get(2).equals(z), this, "gradOutput", z.toString(), inputs.get(2));
    return List.of(z, inputs.get(1));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] z = inputs.get(0).v();
    double[] gate = inputs.get(1).v();
    double[] g = inputs.get(2).v();
    double[] gradZ = outputs.get(0).v();
    double[] gradGate = outputs.get(1).v();
    int width = inputs.getFirst().dim(-1) / experts;
    for (int i = 0; i < z.length; i++) {
      double gradGated = g[i] * Unary.Fn.GELU.derivative(z[i] * gate[i / width], 0, 0);
      gradZ[i] = gradGated * gate[i / width];
      gradGate[i / width] += gradGated * z[i];
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(5.0 * inputs.getFirst().shape().size(), inputs, outputs);
  }
}
