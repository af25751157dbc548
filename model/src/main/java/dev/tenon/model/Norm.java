package dev.tenon.model;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.LayerNorm;

/** Layer norm over the last dimension; weight and bias [dim]. */
public record Norm(Tensor weight, Tensor bias, double eps) {
  /** The norm {@code name}. */
  public static Norm of(Weights weights, String name, double eps) {
    return new Norm(weights.get(name + ".weight"), weights.get(name + ".bias"), eps);
  }

  public Tensor apply(Tensor x) {
    return new LayerNorm(1, true, eps).apply(x, weight, bias);
  }
}
