package dev.tenon.training.optim;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Gradients;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Unary;
import java.util.Collection;

/**
 * Bounds the norm of all gradients together, so that one bad batch cannot throw the weights far away (Pascanu et al. 2013).
 *
 * @param maxNorm the largest Euclidean norm that passes unchanged
 */
public record GradientClip(double maxNorm) {
  private static final double EPS = 1e-6;

  /** The Euclidean norm of the gradients of {@code parameters}, taken as one vector: a scalar. */
  public static Tensor norm(Gradients gradients, Collection<Tensor> parameters) {
    Tensor square = null;
    for (Tensor parameter : parameters) {
      Tensor gradient = gradients.of(parameter);
      if (gradient != null) {
        Tensor own = gradient.mul(gradient).sum();
        square = square == null ? own : square.add(own);
      }
    }
    if (square == null) {
      throw new IllegalArgumentException("none of " + parameters.size() + " parameters has a gradient");
    }
    return square.map(Unary.Fn.SQRT);
  }

  /** The gradients of {@code parameters}, times {@code min(1, maxNorm / (norm + 1e-6))}. */
  public Gradients apply(Gradients gradients, Collection<Tensor> parameters, Tensor norm) {
    Tensor most = Tensor.scalar(norm.dtype(), maxNorm).div(norm.add(EPS));
    Tensor factor = new Binary(Binary.Fn.MIN).apply(most, Tensor.scalar(norm.dtype(), 1));
    Gradients clipped = new Gradients();
    for (Tensor parameter : parameters) {
      Tensor gradient = gradients.of(parameter);
      if (gradient != null) {
        clipped.add(parameter, gradient.mul(factor));
      }
    }
    return clipped;
  }
}
