package dev.tenon.training.bench;

import dev.tenon.engine.DType;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Affinity;
import dev.tenon.engine.op.AffinityGrad;
import dev.tenon.engine.op.Cost;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Spec;
import java.util.List;

/**
 * The affinity core of CTAL for {@code batch} images of {@code height}×{@code width} pixels and some tasks of 128 channels, or its
 * gradient. No part of it can be computed by itself, so that a smaller call is what is compared.
 */
record AffinityWork(long batch, long tasks, long height, long width, boolean backward) implements Workload {
  private static final long CHANNELS = 128;

  @Override
  public String name() {
    return (backward ? "affinity-backward-" : "affinity-") + batch + "x" + tasks + "x" + CHANNELS + "x" + height + "x" + width;
  }

  @Override
  public boolean in(Arithmetic arithmetic) {
    return arithmetic == Arithmetic.BF16 || arithmetic == Arithmetic.FP32;
  }

  private List<Tensor> operands(DType dtype) {
    Draws draws = new Draws(dtype);
    long pixels = height * width;
    double unit = 1 / Math.sqrt(CHANNELS);
    Tensor f = draws.within(unit, batch, tasks, CHANNELS, height, width);
    Tensor v = draws.uniform(batch, tasks, CHANNELS, height, width);
    Tensor weight = draws.uniform(pixels, tasks, 3, 3);
    Tensor bias = draws.uniform(pixels);
    return backward ? List.of(draws.uniform(batch, tasks, CHANNELS, height, width), f, v, weight, bias) : List.of(f, v, weight, bias);
  }

  private Op op() {
    return backward ? new AffinityGrad() : new Affinity();
  }

  @Override
  public Prepared prepare(Arithmetic arithmetic) {
    try (Scope _ = Scope.open()) {
      AffinityWork small = new AffinityWork(2, tasks, 7, 11, backward);
      List<Tensor> operands = small.operands(arithmetic.dtype());
      double sums = 2 * CHANNELS + 9 * tasks + 2 * 7 * 11;
      List<Tensor> results = op().applyAll(operands);
      Check.parts(Check.Part.whole(op(), operands.size(), results.size()), operands, results,
          Check.Bounds.ofLargest(arithmetic.bound(2, sums)));
    }
    List<Tensor> operands = operands(arithmetic.dtype());
    List<Spec> specs = operands.stream().map(t -> new Spec(t.dtype(), t.shape())).toList();
    Cost cost = op().cost(specs, op().infer(specs));
    return new Prepared(cost, () -> op().applyAll(operands));
  }
}
