package dev.tenon.engine.op;

import java.util.List;

/** {@code y·(gradOutput − Σ y·gradOutput)}, the gradient of {@link Softmax}. Operands: y, gradOutput. */
public record SoftmaxGrad(int axis) implements NoGradient {
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
      double dot = 0;
      for (int i = 0; i < lanes.length(); i++) {
        dot += y[lanes.at(lane, i)] * g[lanes.at(lane, i)];
      }
      for (int i = 0; i < lanes.length(); i++) {
        int at = lanes.at(lane, i);
        outputs.getFirst().v()[at] = y[at] * (g[at] - dot);
      }
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(4.0 * outputs.getFirst().shape().size(), inputs, outputs);
  }
}
