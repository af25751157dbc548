package dev.tenon.engine.kernel;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Op;
import java.util.List;

/** One application of an op: what goes in and where the results go. */
public record Call(Op op, List<Tensor> inputs, List<Tensor> outputs) {
  public Tensor input(int i) {
    return inputs.get(i);
  }

  public Tensor output(int i) {
    return outputs.get(i);
  }

  /** Such as {@code matMul([2, 3] F32, [3, 4] F32)}. */
  public String describe() {
    return op + inputs.stream().map(t -> t.shape() + " " + t.dtype()).toList().toString();
  }
}
