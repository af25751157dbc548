package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/**
 * x with {@code src} in place of the elements that {@code index} (I64, shaped as src) points to along one dimension; where it
 * points twice to one, the last in row-major order stays. Operands: x, index, src.
 */
public record Scatter(int axis) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    return ScatterAdd.scattered(this, axis, inputs);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] y = outputs.getFirst().v();
    System.arraycopy(inputs.get(0).v(), 0, y, 0, y.length);
    int[] to = Gather.sources(this, axis, inputs.get(0).shape(), inputs.get(1));
    for (int i = 0; i < to.length; i++) {
      y[to[i]] = inputs.get(2).v()[i];
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor g = call.gradOutput();
    Tensor index = call.input(1);
    Tensor gradX = call.needs(0) ? apply(g, index, Tensor.zeros(g.dtype(), index.shape())) : null;
    return Arrays.asList(gradX, null, call.needs(2) ? gradSrc(call.input(0).shape(), index, g) : null);
  }

  /** The gradient of what stayed, and 0 for what was overwritten. */
  private Tensor gradSrc(Shape x, Tensor index, Tensor g) {
    Gather at = new Gather(axis);
    Tensor number = Tensor.of(LongStream.range(0, index.size()).toArray(), index.shape().toArray()).to(index.storage().backend());
    Tensor winner = at.apply(apply(Tensor.zeros(DType.I64, x), index, number), index);
    Tensor stayed = new Compare(Compare.Relation.EQ).apply(winner, number);
    return new Where().apply(stayed, at.apply(g, index), Tensor.scalar(g.dtype(), 0));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(0, inputs, outputs);
  }
}
