package dev.tenon.jmh;

import dev.tenon.engine.DType;
import dev.tenon.engine.op.Cost;
import dev.tenon.training.bench.NetworkWork;

/** A network's work as {@code tenon bench} has it, in F32. */
public record Network(NetworkWork work) implements Workload {
  @Override
  public String name() {
    return work.name();
  }

  @Override
  public Cost cost() {
    return work.cost(DType.F32);
  }
}
