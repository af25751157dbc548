package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import java.util.Arrays;
import java.util.List;

/** {@code condition ? x : y} for each element. Operands: condition (BOOL), x, y; they broadcast. */
public record Where() implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, 3);
    Spec x = inputs.get(1);
    Spec y = inputs.get(2);
    Check.dtype(this, "condition", DType.BOOL, inputs.get(0));
    Check.dtype(this, "y", x.dtype(), y);
    return List.of(
        x.with(Binary.broadcast(this, inputs.get(0).shape(), Binary.broadcast(this, x.shape(), y.shape()))));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref out = outputs.getFirst();
    int[] ci = Strides.broadcast(inputs.get(0).shape(), out.shape());
    int[] xi = Strides.broadcast(inputs.get(1).shape(), out.shape());
    int[] yi = Strides.broadcast(inputs.get(2).shape(), out.shape());
    for (int i = 0; i < out.size(); i++) {
      out.v()[i] = inputs.get(0).v()[ci[i]] != 0 ? inputs.get(1).v()[xi[i]] : inputs.get(2).v()[yi[i]];
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor condition = call.input(0);
    Tensor g = call.gradOutput();
    Tensor zero = Tensor.scalar(g.dtype(), 0);
    return Arrays.asList(
        null,
        call.needs(1) ? apply(condition, g, zero).sumTo(call.input(1).shape()) : null,
        call.needs(2) ? apply(condition, zero, g).sumTo(call.input(2).shape()) : null);
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(outputs.getFirst().shape().size(), inputs, outputs);
  }
}
