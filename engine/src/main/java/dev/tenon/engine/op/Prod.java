package dev.tenon.engine.op;

import dev.tenon.engine.Tensor;
import java.util.List;

/** The product along one dimension, which disappears. */
public record Prod(int axis) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Lanes.operand(this, inputs, axis);
    return List.of(x.with(x.shape().without(axis)));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Lanes lanes = Lanes.of(inputs.getFirst().shape(), axis);
    for (int lane = 0; lane < lanes.count(); lane++) {
      double product = 1;
      for (int i = 0; i < lanes.length(); i++) {
        product *= inputs.getFirst().v()[lanes.at(lane, i)];
      }
      outputs.getFirst().v()[lane] = product;
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(new ProdGrad(axis).apply(call.input(0), call.gradOutput()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(inputs.getFirst().shape().size(), inputs, outputs);
  }
}
