package dev.tenon.engine.op;

import dev.tenon.engine.Tensor;
import java.util.List;

/** {@code x − ln Σ exp(x)} along one dimension; negative counts from the last. */
public record LogSoftmax(int axis) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    return List.of(Lanes.operand(this, inputs, axis));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Lanes lanes = Lanes.of(inputs.getFirst().shape(), axis);
    double[] x = inputs.getFirst().v();
    double[] y = outputs.getFirst().v();
    for (int lane = 0; lane < lanes.count(); lane++) {
      double lse = lanes.logSumExp(x, lane);
      for (int i = 0; i < lanes.length(); i++) {
        y[lanes.at(lane, i)] = x[lanes.at(lane, i)] - lse;
      }
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(new LogSoftmaxGrad(axis).apply(call.output(0), call.gradOutput()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(4.0 * outputs.getFirst().shape().size(), inputs, outputs);
  }
}
