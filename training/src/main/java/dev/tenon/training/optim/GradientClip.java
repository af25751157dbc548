package dev.tenon.training.optim;

import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Gradients;
import java.util.Collection;

/**
 * Bounds the norm of all gradients together, so that one bad batch cannot throw the weights far away (Pascanu et al. 2013).
 *
 * @param maxNorm the largest Euclidean norm that passes unchanged
 */
public record GradientClip(double maxNorm) {
  private static final double EPS = 1e-6;

  /** The Euclidean norm of the gradients of {@code parameters}, taken as one vector. */
  public static double norm(Gradients gradients, Collection<Tensor> parameters) {
    double square = 0;
    try (Scope _ = Scope.open()) {
      for (Tensor parameter : parameters) {
        Tensor gradient = gradients.of(parameter);
        square += gradient == null ? 0 : gradient.mul(gradient).sum().item();
      }
    }
    return Math.sqrt(square);
  }

  /** The gradients of {@code parameters}, times {@code min(1, maxNorm / (norm + 1e-6))}. */
  public Gradients apply(Gradients gradients, Collection<Tensor> parameters, double norm) {
    double factor = maxNorm / (norm + EPS);
    if (factor >= 1) {
      return gradients;
    }
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
