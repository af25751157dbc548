package dev.tenon.engine.op;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.List;
import java.util.stream.IntStream;

/** Sum over some dimensions, ascending and distinct. They disappear, or stay with extent 1 under {@code keepDim}. */
public record Sum(List<Integer> dims, boolean keepDim) implements Op {
  /** Over {@code dims} of {@code shape} (negative counts from the last; all of them when none is given). */
  public static Sum over(Shape shape, boolean keepDim, int... dims) {
    return new Sum(axes(shape, dims), keepDim);
  }

  /** The dimensions a reduction names, ascending and non-negative. */
  static List<Integer> axes(Shape shape, int... dims) {
    IntStream all = dims.length == 0 ? IntStream.range(0, shape.rank()) : IntStream.of(dims).map(shape::axis);
    return all.distinct().sorted().boxed().toList();
  }

  /** {@code shape} after a reduction over {@code dims}. */
  static Shape reduced(Shape shape, List<Integer> dims, boolean keepDim) {
    Shape result = shape;
    for (int d : dims.reversed()) {
      result = keepDim ? result.with(d, 1) : result.without(d);
    }
    return result;
  }

  /** For each element of {@code shape}, row-major, the index of the reduced element it goes to. */
  static int[] targets(Shape shape, List<Integer> dims) {
    return Strides.indices(Layout.contiguous(reduced(shape, dims, true)).expand(shape));
  }

  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 1).getFirst();
    dims.forEach(d -> Check.that(d >= 0 && d < x.rank(), this, "x", "of a rank above " + d, x));
    return List.of(x.with(reduced(x.shape(), dims, keepDim)));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref x = inputs.getFirst();
    int[] to = targets(x.shape(), dims);
    for (int i = 0; i < to.length; i++) {
      outputs.getFirst().v()[to[i]] += x.v()[i];
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Shape shape = call.input(0).shape();
    return List.of(call.gradOutput().reshape(reduced(shape, dims, true)).expand(shape));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(inputs.getFirst().shape().size(), inputs, outputs);
  }
}
