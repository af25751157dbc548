package dev.tenon.training.optim;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Gradients;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.SumOfSquares;
import dev.tenon.engine.op.Unary;
import java.util.Collection;
import java.util.List;
import java.util.Objects;

/**
 * Bounds the norm of all gradients together, so that one bad batch cannot throw the weights far away (Pascanu et al. 2013).
 *
 * @param maxNorm the largest Euclidean norm that passes unchanged
 */
public record GradientClip(double maxNorm) {
  private static final double EPS = 1e-6;

  /** The Euclidean norm of the gradients of {@code parameters}, taken as one vector: a scalar. */
  public static Tensor norm(Gradients gradients, Collection<Tensor> parameters) {
    List<Tensor> all = parameters.stream().map(gradients::of).filter(Objects::nonNull).toList();
    if (all.isEmpty()) {
      throw new IllegalArgumentException("none of " + parameters.size() + " parameters has a gradient");
    }
    return new SumOfSquares().applyAll(all).getFirst().map(Unary.Fn.SQRT);
  }

  /** {@code rates} of an optimizer's step, changed so that it takes {@code min(1, maxNorm / (norm + 1e-6))} of each gradient. */
  public Tensor apply(Tensor rates, Tensor norm) {
    Tensor most = Tensor.scalar(norm.dtype(), maxNorm).div(norm.add(EPS));
    Tensor share = new Binary(Binary.Fn.MIN).apply(most, Tensor.scalar(norm.dtype(), 1));
    Tensor others = rates.slice(0, 0, rates.dim(0) - 1);
    return new Concat(0).apply(others, share.cast(rates.dtype()).reshape(1));
  }
}
