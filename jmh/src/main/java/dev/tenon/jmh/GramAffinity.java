package dev.tenon.jmh;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Affinity;
import dev.tenon.engine.op.Cost;
import dev.tenon.engine.op.Normalization;
import dev.tenon.training.bench.Arithmetic;
import dev.tenon.training.bench.Draws;
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
    long[] values = {1, tasks, CHANNELS, height, width};
    return Draws.uniform(values, values, new long[] {pixels(), tasks, 3, 3}, new long[] {pixels()}).apply(new Draws(DType.F32));
  }

  /** The diffused values, [1, T, CHANNELS, H, W]. */
  public static Tensor apply(List<Tensor> operands) {
    Tensor features = Normalization.unit(operands.get(0), 2, EPS);
    return new Affinity().apply(features, operands.get(1), operands.get(2), operands.get(3));
  }

  /** How far a value may be off, as a share of the largest: two normalized features, their product, the kernel, the sum over pixels. */
  public double bound() {
    return Arithmetic.FP32.bound(0, 3 * CHANNELS + 9 * tasks + pixels());
  }

  @Override
  public Cost cost() {
    double values = (double) tasks * CHANNELS * pixels();
    return new Cost(tasks * Math.pow(pixels(), 2) * (4 * CHANNELS + 18), 4 * (3 * values + (9 * tasks + 1) * pixels()));
  }
}
