package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import java.util.List;

/** Converts to another type: floats round to nearest even, integers truncate, booleans are {@code x != 0}. */
public record Cast(DType to) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    return List.of(new Spec(to, Check.count(this, inputs, 1).getFirst().shape()));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    System.arraycopy(inputs.getFirst().v(), 0, outputs.getFirst().v(), 0, outputs.getFirst().size());
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(call.gradOutput().cast(call.input(0).dtype()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(0, inputs, outputs);
  }
}
