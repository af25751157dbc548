package dev.tenon.engine.op;

import dev.tenon.engine.Tensor;
import java.util.List;

/** Copies a tensor, however it is strided, to new row-major memory. */
public record Contiguous() implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    return Check.count(this, inputs, 1);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    System.arraycopy(inputs.getFirst().v(), 0, outputs.getFirst().v(), 0, outputs.getFirst().size());
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(call.gradOutput());
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(0, inputs, outputs);
  }
}
