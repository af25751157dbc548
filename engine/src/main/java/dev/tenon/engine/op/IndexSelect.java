package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.Arrays;
import java.util.List;

/**
 * Whole slices of x picked along one dimension, which the shape of index (I64, any rank) replaces; along dimension 0 of a table
 * it is an embedding. Operands: x, index.
 */
public record IndexSelect(int axis) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 2).getFirst();
    return List.of(x.with(selected(this, axis, x, inputs.get(1))));
  }

  /** The shape of the slices of x that index picks. */
  static Shape selected(Op op, int axis, Spec x, Spec index) {
    int a = Lanes.axis(op, axis, "x", x);
    Check.dtype(op, "index", DType.I64, index);
    return x.shape().slice(0, a).concat(index.shape()).concat(x.shape().slice(a + 1, x.rank()));
  }

  /** For each element of the slices, row-major, its position in x. */
  static int[] sources(Op op, int axis, Shape x, Ref index) {
    Lanes lanes = Lanes.of(x, axis);
    int picks = index.size();
    int[] at = new int[lanes.count() * picks];
    for (int i = 0; i < at.length; i++) {
      int pick = i / lanes.inner() % picks;
      int lane = i / (lanes.inner() * picks) * lanes.inner() + i % lanes.inner();
      at[i] = lanes.at(lane, Gather.bounded(op, index.v()[pick], lanes.length()));
    }
    return at;
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    int[] from = sources(this, axis, inputs.get(0).shape(), inputs.get(1));
    Arrays.setAll(outputs.getFirst().v(), i -> inputs.get(0).v()[from[i]]);
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor x = call.input(0);
    int a = x.shape().axis(axis);
    Tensor zeros = Tensor.zeros(x.dtype(), x.shape());
    return Arrays.asList(new IndexAdd(a).apply(zeros, call.input(1), call.gradOutput()), null);
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(0, List.of(inputs.get(1), outputs.getFirst()), outputs);
  }
}
