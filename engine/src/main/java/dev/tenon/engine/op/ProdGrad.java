package dev.tenon.engine.op;

import java.util.List;

/** gradOutput times the product of all other elements, the gradient of {@link Prod}. Operands: x, gradOutput. */
public record ProdGrad(int axis) implements NoGradient {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 2).getFirst();
    Lanes.axis(this, axis, "x", x);
    Spec y = x.with(x.shape().without(axis));
    Check.that(inputs.get(1).equals(y), this, "gradOutput", y.toString(), inputs.get(1));
    return List.of(x);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] x = inputs.getFirst().v();
    double[] y = outputs.getFirst().v();
    Lanes lanes = Lanes.of(inputs.getFirst().shape(), axis);
    for (int lane = 0; lane < lanes.count(); lane++) {
      double before = inputs.get(1).v()[lane];
      for (int i = 0; i < lanes.length(); i++) {
        y[lanes.at(lane, i)] = before;
        before *= x[lanes.at(lane, i)];
      }
      double after = 1;
      for (int i = lanes.length() - 1; i >= 0; i--) {
        y[lanes.at(lane, i)] *= after;
        after *= x[lanes.at(lane, i)];
      }
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(3.0 * inputs.getFirst().shape().size(), inputs, outputs);
  }
}
