package dev.tenon.engine.op;

import dev.tenon.engine.Tensor;
import java.util.List;

/** Running sums along one dimension, from its first element or, in {@code reverse}, from its last. */
public record CumSum(int axis, boolean reverse) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    return List.of(Lanes.operand(this, inputs, axis));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Lanes lanes = Lanes.of(inputs.getFirst().shape(), axis);
    for (int lane = 0; lane < lanes.count(); lane++) {
      double sum = 0;
      for (int i = 0; i < lanes.length(); i++) {
        int at = lanes.at(lane, reverse ? lanes.length() - 1 - i : i);
        sum += inputs.getFirst().v()[at];
        outputs.getFirst().v()[at] = sum;
      }
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(new CumSum(axis, !reverse).apply(call.gradOutput()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(inputs.getFirst().shape().size(), inputs, outputs);
  }
}
