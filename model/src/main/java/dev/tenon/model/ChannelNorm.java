package dev.tenon.model;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Normalization;

/**
 * Batch norm over the channels of maps [B, C, H, W], with the momentum and epsilon that PyTorch has by default. All four are [C]; the
 * running statistics may be of a wider type than what is computed with.
 */
public record ChannelNorm(Tensor weight, Tensor bias, Tensor runningMean, Tensor runningVariance) {
  private static final double MOMENTUM = 0.1;
  private static final double EPS = 1e-5;

  /** The norm {@code name}. */
  public static ChannelNorm of(Weights weights, String name) {
    return new ChannelNorm(weights.get(name + ".weight"), weights.get(name + ".bias"), weights.get(name + ".running_mean"),
        weights.get(name + ".running_var"));
  }

  /** In training this moves the running statistics. */
  public Tensor apply(Tensor x, Phase phase) {
    return switch (phase) {
      case TRAINING -> Normalization.batchNorm(x, weight, bias, runningMean, runningVariance, MOMENTUM, EPS);
      case EVALUATION -> Normalization.frozenBatchNorm(x, weight, bias, runningMean, runningVariance, EPS);
    };
  }
}
