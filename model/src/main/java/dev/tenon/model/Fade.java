package dev.tenon.model;

import dev.tenon.engine.Tensor;

/** How far the routers have faded: α, from 0 to 1 (EMTAL Eq. 12). */
public sealed interface Fade {
  /** Faded: each gate is exactly 1. */
  Fade DONE = new Constant(1);

  /** {@code K·((1−α)·share + α/K)} for the shares [..., K] of K experts. */
  Tensor gate(Tensor shares);

  /** An α that stays as it is. */
  record Constant(double alpha) implements Fade {
    @Override
    public Tensor gate(Tensor shares) {
      return shares.affine(shares.dim(-1) * (1 - alpha), alpha);
    }
  }

  /**
   * An α that a recorded step reads anew each time it runs.
   *
   * @param alpha a scalar; gates are computed in its type, since BF16 has too few bits for a small step of α
   */
  record Read(Tensor alpha) implements Fade {
    @Override
    public Tensor gate(Tensor shares) {
      long experts = shares.dim(-1);
      return shares.cast(alpha.dtype()).mul(alpha.affine(-experts, experts)).add(alpha).cast(shares.dtype());
    }
  }
}
