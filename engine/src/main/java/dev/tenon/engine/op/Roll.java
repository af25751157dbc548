package dev.tenon.engine.op;

import dev.tenon.engine.Tensor;
import java.util.List;

/** Moves elements {@code shift} places up along one dimension; those pushed over the end come back at the start. */
public record Roll(int axis, long shift) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 1).getFirst();
    Lanes.axis(this, axis, "x", x);
    return List.of(x);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Lanes lanes = Lanes.of(inputs.getFirst().shape(), axis);
    for (int lane = 0; lane < lanes.count(); lane++) {
      for (int i = 0; i < lanes.length(); i++) {
        int to = (int) Math.floorMod(i + shift, (long) lanes.length());
        outputs.getFirst().v()[lanes.at(lane, to)] = inputs.getFirst().v()[lanes.at(lane, i)];
      }
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(new Roll(axis, -shift).apply(call.gradOutput()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(0, inputs, outputs);
  }
}
