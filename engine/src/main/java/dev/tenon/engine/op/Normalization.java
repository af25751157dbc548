package dev.tenon.engine.op;

import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import java.util.Arrays;
import java.util.List;

/** Normalizations written in ops. Channels are dimension 1. */
public final class Normalization {
  private Normalization() {}

  /**
   * Batch normalization in training: normalizes x [N, C, ...] by the statistics of the batch, and moves the running ones towards
   * them in place, {@code running = (1 − momentum)·running + momentum·batch}, with the unbiased variance.
   *
   * @throws TenonException when a channel has a single element, which has no variance
   */
  public static Tensor batchNorm(
      Tensor x, Tensor weight, Tensor bias, Tensor runningMean, Tensor runningVariance, double momentum, double eps) {
    List<Tensor> results = new BatchNorm(eps).applyAll(List.of(x, weight, bias));
    double n = (double) x.size() / x.dim(1);
    if (n < 2) {
      throw new TenonException("batchNorm: training needs more than one element a channel, but x is " + x.shape());
    }
    try (Scope _ = Scope.open()) {
      move(runningMean, results.get(1).detach(), momentum);
      move(runningVariance, results.get(2).detach().mul(n / (n - 1)), momentum);
    }
    return results.getFirst();
  }

  /** {@code running = (1 − momentum)·running + momentum·batch}, in place. */
  private static void move(Tensor running, Tensor batch, double momentum) {
    new Assign().apply(running, running.sub(running.sub(batch).mul(momentum)));
  }

  /** Batch normalization by given statistics [C], as in evaluation. */
  public static Tensor frozenBatchNorm(
      Tensor x, Tensor weight, Tensor bias, Tensor mean, Tensor variance, double eps) {
    Tensor scale = weight.mul(variance.add(eps).map(Unary.Fn.RSQRT));
    return perChannel(x, scale, bias.sub(mean.mul(scale)));
  }

  /** Normalizes each of {@code groups} runs of channels of x [N, C, ...] by its own mean and variance (Wu and He, section 3.1). */
  public static Tensor groupNorm(Tensor x, Tensor weight, Tensor bias, int groups, double eps) {
    if (groups <= 0 || x.dim(1) % groups != 0) {
      throw new TenonException("groupNorm: groups must be a divisor of the channels of x " + x.shape() + ", but is " + groups);
    }
    Tensor rows = x.reshape(x.dim(0), groups, x.size() / Math.max(1, x.dim(0) * groups));
    return perChannel(new LayerNorm(1, false, eps).apply(rows).reshape(x.shape()), weight, bias);
  }

  /** {@code x·scale + shift}, the latter two [C]. */
  private static Tensor perChannel(Tensor x, Tensor scale, Tensor shift) {
    long[] dims = new long[x.rank() - 1];
    Arrays.fill(dims, 1);
    dims[0] = x.dim(1);
    return x.mul(scale.reshape(Shape.of(dims))).add(shift.reshape(Shape.of(dims)));
  }

  /** Vectors along {@code axis} at unit length; lengths below {@code eps} count as eps. */
  public static Tensor unit(Tensor x, int axis, double eps) {
    Tensor square = Sum.over(x.shape(), true, axis).apply(x.map(Unary.Fn.SQUARE));
    return x.mul(new Unary(Unary.Fn.CLAMP, eps * eps, Double.POSITIVE_INFINITY).apply(square).map(Unary.Fn.RSQRT));
  }
}
