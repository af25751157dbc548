package dev.tenon.jmh;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Affinity;
import dev.tenon.engine.op.Cost;
import dev.tenon.engine.op.Normalization;
import dev.tenon.engine.random.Philox;
import java.util.List;

/**
 * The affinity core of CTAL (steps 2 to 5) for one image: each task's features normalized, their Gram matrices, a 3×3 kernel of its own
 * for each reference pixel, and the values diffused with the outcome. 128 channels.
 */
public record GramAffinity(int tasks, int height, int width) implements Workload {
  /** Of features and of values. */
  public static final int CHANNELS = 128;
  /** Lengths below count as this. */
  public static final double EPS = 1e-12;

  @Override
  public String name() {
    return "gram-affinity-" + height + "x" + width;
  }

  /** Of an image. */
  public long pixels() {
    return (long) height * width;
  }

  /** Features and values [1, T, CHANNELS, H, W], weight [H·W, T, 3, 3], bias [H·W], in the current scope. */
  public List<Tensor> operands() {
    return List.of(
        Workloads.uniform(Philox.of(7), 1, tasks, CHANNELS, height, width),
        Workloads.uniform(Philox.of(8), 1, tasks, CHANNELS, height, width),
        Workloads.uniform(Philox.of(9), pixels(), tasks, 3, 3),
        Workloads.uniform(Philox.of(10), pixels()));
  }

  /** The diffused values, [1, T, CHANNELS, H, W]. */
  public static Tensor apply(List<Tensor> operands) {
    Tensor features = Normalization.unit(operands.get(0), 2, EPS);
    return new Affinity().apply(features, operands.get(1), operands.get(2), operands.get(3));
  }

  /** On the way to a value: two normalized features, their product, the kernel and the sum over pixels. */
  public double roundings() {
    return 3 * CHANNELS + 9 * tasks + pixels();
  }

  @Override
  public Cost cost() {
    double values = (double) tasks * CHANNELS * pixels();
    return new Cost(tasks * Math.pow(pixels(), 2) * (4 * CHANNELS + 18), 4 * (3 * values + (9 * tasks + 1) * pixels()));
  }
}
