package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import java.util.Arrays;
import java.util.List;

/**
 * Picks elements along one dimension, each position by its own index. Operands: x, and index (I64) of the same rank that is
 * nowhere longer than x off the axis; the result has the shape of index.
 */
public record Gather(int axis) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, 2);
    checkIndex(this, axis, inputs.get(0), inputs.get(1));
    return List.of(inputs.get(0).with(inputs.get(1).shape()));
  }

  /** Checks that {@code index} addresses elements of x along the axis. */
  static void checkIndex(Op op, int axis, Spec x, Spec index) {
    int a = Lanes.axis(op, axis, "x", x);
    Check.dtype(op, "index", DType.I64, index);
    boolean fits = index.rank() == x.rank();
    for (int d = 0; fits && d < x.rank(); d++) {
      fits = d == a || index.dim(d) <= x.dim(d);
    }
    Check.that(fits, op, "index", "within x " + x.shape() + " off dimension " + a, index);
  }

  /** For each element of {@code index}, row-major, where in x it points. */
  static int[] sources(Op op, int axis, Shape x, Ref index) {
    int a = x.axis(axis);
    Layout all = Layout.contiguous(x);
    Layout seen = Layout.of(index.shape(), all.strides(), 0);
    Lanes lanes = Lanes.of(index.shape(), a);
    int[] at = Strides.indices(seen);
    for (int i = 0; i < at.length; i++) {
      int position = i / lanes.inner() % lanes.length();
      at[i] += (bounded(op, index.v()[i], x.dim(a)) - position) * (int) all.stride(a);
    }
    return at;
  }

  /** An index as an int, or an exception that says how it is out of range. */
  public static int bounded(Op op, double index, long extent) {
    if (!(index >= 0 && index < extent)) {
      throw new TenonException(
          op.name() + ": index " + (long) index + " is outside of 0 to " + (extent - 1) + "; correct the indices");
    }
    return (int) index;
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    int[] from = sources(this, axis, inputs.get(0).shape(), inputs.get(1));
    Arrays.setAll(outputs.getFirst().v(), i -> inputs.get(0).v()[from[i]]);
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor x = call.input(0);
    Tensor zeros = Tensor.zeros(x.dtype(), x.shape());
    return Arrays.asList(new ScatterAdd(axis).apply(zeros, call.input(1), call.gradOutput()), null);
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(0, List.of(inputs.get(1), outputs.getFirst()), outputs);
  }
}
