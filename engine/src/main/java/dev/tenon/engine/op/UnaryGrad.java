package dev.tenon.engine.op;

import java.util.List;

/** {@code gradOutput · fn′(x)}, the gradient of {@link Unary}. Operands: x, gradOutput. */
public record UnaryGrad(Unary.Fn fn, double a, double b) implements NoGradient {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, 2);
    Spec x = inputs.getFirst();
    Check.floating(this, "x", x);
    Check.that(inputs.get(1).equals(x), this, "gradOutput", x.toString(), inputs.get(1));
    return List.of(x);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] x = inputs.get(0).v();
    double[] g = inputs.get(1).v();
    double[] y = outputs.getFirst().v();
    for (int i = 0; i < y.length; i++) {
      y[i] = g[i] * fn.derivative(x[i], a, b);
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(2.0 * outputs.getFirst().shape().size(), inputs, outputs);
  }
}
