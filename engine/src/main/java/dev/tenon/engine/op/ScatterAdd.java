package dev.tenon.engine.op;

import dev.tenon.engine.Tensor;
import java.util.Arrays;
import java.util.List;

/** x with {@code src} added where {@code index} (I64, shaped as src) points along one dimension. Operands: x, index, src. */
public record ScatterAdd(int axis) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    return scattered(this, axis, inputs);
  }

  /** Checks x, index and src; answers what is left of x. */
  static List<Spec> scattered(Op op, int axis, List<Spec> inputs) {
    Check.count(op, inputs, 3);
    Spec x = inputs.get(0);
    Gather.checkIndex(op, axis, x, inputs.get(1));
    Spec src = x.with(inputs.get(1).shape());
    Check.that(inputs.get(2).equals(src), op, "src", src.toString(), inputs.get(2));
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
