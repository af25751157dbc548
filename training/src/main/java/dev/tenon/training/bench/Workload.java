package dev.tenon.training.bench;

import dev.tenon.engine.op.Cost;

/** A row of the table, known by its name. */
public sealed interface Workload permits OpWork, AffinityWork, CtalWork, SoftmaxGramWork, NetworkWork, FullStepWork, RoutedVitWork,
    SwinWork {
  /** Unique, without spaces. */
  String name();

  /** Whether the table has this row in {@code arithmetic}. */
  default boolean in(Arithmetic arithmetic) {
    return true;
  }

  /**
   * Draws operands in the current scope and checks what the current device makes of them.
   *
   * @throws MismatchException naming the first element that is wrong
   */
  Prepared prepare(Arithmetic arithmetic);

  /** What can be timed: one run, and the flops and bytes that it cannot avoid. */
  record Prepared(Cost cost, Runnable run) {}
}
