package dev.tenon.engine.op;

import dev.tenon.engine.Tensor;
import java.util.Arrays;
import java.util.List;

/** x with {@code src} added where {@code index} (I64, shaped as src) points along one dimension. Operands: x, index, src. */
public record ScatterAdd(int axis) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, 3);
    Spec x = inputs.get(0);
    Spec index = inputs.get(1);
    Gather.checkIndex(this, axis, x, index);
    Check.that(inputs.get(2).equals(x.with(index.shape())), this, "src", x.with(index.shape()).toString(), inputs.get(2));
    return List.of(x);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] y = outputs.getFirst().v();
    System.arraycopy(inputs.get(0).v(), 0, y, 0, y.length);
    int[] to = Gather.sources(this, axis, inputs.get(0).shape(), inputs.get(1));
    for (int i = 0; i < to.length; i++) {
      y[to[i]] += inputs.get(2).v()[i];
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor g = call.gradOutput();
    return Arrays.asList(g, null, call.needs(2) ? new Gather(axis).apply(g, call.input(1)) : null);
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(inputs.get(2).shape().size(), inputs, outputs);
  }
}
