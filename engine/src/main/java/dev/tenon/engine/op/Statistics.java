package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.ArrayList;
import java.util.List;

/** Reductions written in ops. Those over {@code dims} take negative ones as counted from the last, and remove them. */
public final class Statistics {
  private Statistics() {}

  /** The variance around the mean; {@code correction} is 1 for the unbiased one, 0 for the biased one. */
  public static Tensor variance(Tensor x, int correction, int... dims) {
    Tensor sum = Sum.over(x.shape(), true, dims).apply(x);
    double count = (double) x.size() / sum.size();
    Tensor square = x.sub(sum.mul(1 / count)).map(Unary.Fn.SQUARE);
    return square.sum(dims).mul(1 / (count - correction));
  }

  public static Tensor standardDeviation(Tensor x, int correction, int... dims) {
    return variance(x, correction, dims).map(Unary.Fn.SQRT);
  }

  /** The Euclidean norm; its gradient at zero is not a number, as the slope has no limit there. */
  public static Tensor norm(Tensor x, int... dims) {
    return x.map(Unary.Fn.SQUARE).sum(dims).map(Unary.Fn.SQRT);
  }

  /** {@code log Σ exp(x)}, free of overflow. */
  public static Tensor logSumExp(Tensor x, int... dims) {
    Tensor max = Extremum.over(x.shape(), true, true, dims).apply(x.detach());
    Shape reduced = Sum.reduced(x.shape(), Sum.axes(x.shape(), dims), false);
    return x.sub(max).map(Unary.Fn.EXP).sum(dims).map(Unary.Fn.LOG).add(max.reshape(reduced));
  }

  /** Running products along {@code axis}, from its first element. */
  public static Tensor cumulativeProduct(Tensor x, int axis) {
    List<Tensor> products = new ArrayList<>();
    for (long i = 0; i < x.dim(axis); i++) {
      Tensor next = x.slice(axis, i, i + 1);
      products.add(products.isEmpty() ? next : products.getLast().mul(next));
    }
    return products.isEmpty() ? x : new Concat(axis).applyAll(products).getFirst();
  }
}
