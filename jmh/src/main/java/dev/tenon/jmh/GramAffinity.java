package dev.tenon.jmh;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Cost;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.random.Philox;

/**
 * The affinity core of CTAL (steps 2 to 5) for one image and one task: columns of the features normalized, their Gram matrix, a 3×3
 * kernel of its own for each reference pixel, and the values diffused with the outcome. 128 channels.
 */
public record GramAffinity(int height, int width) implements Workload {
  private static final int CHANNELS = 128;

  @Override
  public String name() {
    return "gram-affinity-" + height + "x" + width;
  }

  private long pixels() {
    return (long) height * width;
  }

  /** [CHANNELS, pixels]. */
  Tensor features() {
    return Workloads.uniform(Philox.of(7), CHANNELS, pixels());
  }

  /** [CHANNELS, pixels]. */
  Tensor values() {
    return Workloads.uniform(Philox.of(8), CHANNELS, pixels());
  }

  /** [pixels, 1, 3, 3]. */
  Tensor kernels() {
    return Workloads.uniform(Philox.of(9), pixels(), 1, 3, 3);
  }

  /** The diffused values, [CHANNELS, pixels]. */
  Tensor apply(Tensor features, Tensor values, Tensor kernels) {
    Tensor norms = features.mul(features).sum(0);
    Tensor normalized = features.mul(norms.map(Unary.Fn.RSQRT));
    Tensor gram = normalized.transpose(0, 1).matmul(normalized).reshape(1, pixels(), height, width);
    Tensor mixed = new Conv2d(1, 1, 1, 1, 1, 1, (int) pixels(), false).apply(gram, kernels).reshape(pixels(), pixels());
    return values.matmul(mixed.transpose(0, 1));
  }

  double roundings() {
    return 2 * CHANNELS + 9 + pixels();
  }

  @Override
  public Cost cost() {
    double n = pixels();
    return new Cost(n * n * (4.0 * CHANNELS + 18), 4.0 * (3 * CHANNELS * n + 9 * n));
  }
}
