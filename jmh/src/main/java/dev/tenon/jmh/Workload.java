package dev.tenon.jmh;

import dev.tenon.engine.op.Cost;

/** Something worth timing, known by its name. */
public sealed interface Workload permits OpCall, Network, GramAffinity {
  /** Unique, without spaces. */
  String name();

  /** The flops and bytes that one run cannot avoid; needs an open scope. */
  Cost cost();
}
