package dev.tenon.engine.op;

import java.util.List;

/** {@code gradOutput − exp(y)·Σ gradOutput}, the gradient of {@link LogSoftmax}. Operands: y, gradOutput. */
public record LogSoftmaxGrad(int axis) implements NoGradient {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    return List.of(Lanes.gradientOperands(this, inputs, axis));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Lanes lanes = Lanes.of(inputs.getFirst().shape(), axis);
    double[] y = inputs.get(0).v();
    double[] g = inputs.get(1).v();
    for (int lane = 0; lane < lanes.count(); lane++) {
      double sum = 0;
      for (int i = 0; i < lanes.length(); i++) {
        sum += g[lanes.at(lane, i)];
      }
      for (int i = 0; i < lanes.length(); i++) {
        int at = lanes.at(lane, i);
        outputs.getFirst().v()[at] = g[at] - Math.exp(y[at]) * sum;
      }
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(3.0 * outputs.getFirst().shape().size(), inputs, outputs);
  }
}
