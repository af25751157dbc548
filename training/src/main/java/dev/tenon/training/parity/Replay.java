package dev.tenon.training.parity;

import dev.tenon.engine.Tensor;
import java.util.Map;

/** How Tenon computes what a golden case recorded. */
@FunctionalInterface
interface Replay {
  /**
   * The outputs by their names without {@code out.}; one that Tenon has no op for is left out. Runs under a tape.
   */
  Map<String, Tensor> run(GoldenCase golden);
}
