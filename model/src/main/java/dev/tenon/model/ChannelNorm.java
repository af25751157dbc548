package dev.tenon.model;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Normalization;
import dev.tenon.engine.op.Unary;

/**
 * Batch norm over the channels of maps [B, C, H, W], with the momentum and epsilon that PyTorch has by default. All four are [C]; the
 * running statistics may be of a wider type than what is computed with.
 */
public record ChannelNorm(Tensor weight, Tensor bias, Tensor runningMean, Tensor runningVariance) {
  private static final double MOMENTUM = 0.1;
  private static final double EPS = 1e-5;

  /** What the norm does to each channel in evaluation, which the layer before it can do as well; both [C]. */
  public record Affine(Tensor factor, Tensor summand) {}

  /** The norm {@code name}. */
  public static ChannelNorm of(Weights weights, String name) {
    return new ChannelNorm(weights.get(name + ".weight"), weights.get(name + ".bias"), weights.get(name + ".running_mean"),
        weights.get(name + ".running_var"));
  }

  /** By the statistics of the batch, towards which the running ones move. */
  public Tensor train(Tensor x) {
    return Normalization.batchNorm(x, weight, bias, runningMean, runningVariance, MOMENTUM, EPS);
  }

  /** By the running statistics. */
  public Affine frozen() {
    DType type = weight.dtype();
    DType wide = runningVariance.dtype();
    Tensor factor = weight.cast(wide).mul(runningVariance.add(EPS).map(Unary.Fn.RSQRT));
    return new Affine(factor.cast(type), bias.cast(wide).sub(runningMean.mul(factor)).cast(type));
  }
}
