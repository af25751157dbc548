package dev.tenon.training.bench;

import dev.tenon.engine.DType;
import dev.tenon.engine.op.Cost;

/** A whole network at work, known as soon as it is named: how much that is needs no operands. */
public sealed interface NetworkWork extends Workload permits VitWork, EmtalWork {
  /** The flops and bytes that one run cannot avoid. */
  Cost cost(DType dtype);
}
