package dev.tenon.training.bench;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Cost;

/**
 * What a device was measured to do at most.
 *
 * @param flops a second, in one arithmetic
 * @param bytes a second, read and written
 */
public record Peak(double flops, double bytes) {
  /** Long enough for the JVM to compile what a processor runs. */
  private static final double SECONDS = 1;
  /** Of what is copied: more than caches hold. */
  private static final long BYTES = 256L << 20;
  private static final long LINE = 4096;

  /** Of the device's largest matrix product in {@code arithmetic}, and of a copy that no cache holds. */
  static Peak of(Backend backend, Arithmetic arithmetic, Workloads workloads) {
    try (Scope _ = Scope.open(backend)) {
      Workload.Prepared product = workloads.cube().unchecked(arithmetic);
      double flops = product.cost().flops() / Timing.of(backend, product.run(), SECONDS).least();
      Tensor much = new Draws(arithmetic.dtype()).uniform(BYTES / LINE / arithmetic.dtype().byteSize(), LINE);
      double bytes = 2.0 * BYTES / Timing.of(backend, much::copy, SECONDS).least();
      return new Peak(1e6 * flops, 1e6 * bytes);
    }
  }

  /** How near to the peak {@code micros} for {@code cost} are, as a share: of arithmetic or of memory, whichever it is nearer to. */
  public double share(Cost cost, double micros) {
    return Math.max(cost.flops() / flops, cost.bytes() / bytes) * 1e6 / micros;
  }
}
