package dev.tenon.model;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Conv2d;
import java.util.Optional;

/** A convolution that keeps height and width: stride 1, padded by half its kernel. Weight [out, in, k, k] of odd k. */
public record SameConv(Tensor weight, Optional<Tensor> bias) {
  /** The layer {@code name} (its {@code .weight} and, if there is one, {@code .bias}). */
  public static SameConv of(Weights weights, String name) {
    return new SameConv(weights.get(name + ".weight"), weights.find(name + ".bias"));
  }

  /** [B, in, H, W] → [B, out, H, W]. */
  public Tensor apply(Tensor x) {
    return bias.map(b -> conv(true).apply(x, weight, b)).orElseGet(() -> conv(false).apply(x, weight));
  }

  /** The same, and then a factor and a summand for each channel. */
  public SameConv then(ChannelNorm.Affine affine) {
    Tensor summand = bias.map(b -> b.mul(affine.factor()).add(affine.summand())).orElse(affine.summand());
    return new SameConv(weight.mul(affine.factor().reshape(-1, 1, 1, 1)), Optional.of(summand));
  }

  private Conv2d conv(boolean biased) {
    int padH = (int) weight.dim(2) / 2;
    int padW = (int) weight.dim(3) / 2;
    return new Conv2d(1, 1, padH, padW, 1, 1, 1, biased);
  }
}
