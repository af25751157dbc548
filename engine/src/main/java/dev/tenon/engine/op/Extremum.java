package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.Arrays;
import java.util.List;

/** The largest ({@code max}) or smallest element over some dimensions; elements that tie share the gradient evenly. */
public record Extremum(boolean max, List<Integer> dims, boolean keepDim) implements Op {
  /** Over {@code dims} of {@code shape} (negative counts from the last; all of them when none is given). */
  public static Extremum over(Shape shape, boolean max, boolean keepDim, int... dims) {
    return new Extremum(max, Sum.axes(shape, dims), keepDim);
  }

  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 1).getFirst();
    for (int d : dims) {
      Check.that(d >= 0 && d < x.rank() && x.dim(d) > 0, this, "x", "of at least one element along dimension " + d, x);
    }
    return List.of(x.with(Sum.reduced(x.shape(), dims, keepDim)));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref x = inputs.getFirst();
    double[] y = outputs.getFirst().v();
    Arrays.fill(y, max ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY);
    int[] to = Sum.targets(x.shape(), dims);
    for (int i = 0; i < to.length; i++) {
      y[to[i]] = max ? Math.max(y[to[i]], x.v()[i]) : Math.min(y[to[i]], x.v()[i]);
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor x = call.input(0);
    Shape kept = Sum.reduced(x.shape(), dims, true);
    Tensor attained = new Compare(Compare.Relation.EQ).apply(x, call.output(0).reshape(kept)).cast(x.dtype());
    Tensor ties = new Sum(dims, true).apply(attained);
    return List.of(attained.mul(call.gradOutput().reshape(kept).div(ties)));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(inputs.getFirst().shape().size(), inputs, outputs);
  }
}
