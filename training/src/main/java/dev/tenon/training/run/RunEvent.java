package dev.tenon.training.run;

import dev.tenon.training.method.Evaluation;
import dev.tenon.training.method.Training;
import java.util.List;

/** Something a run tells while it goes on; all that its log, its curves and its report are made of. */
public sealed interface RunEvent {
  /** Steps done so far. */
  long step();

  /** The same in epochs. */
  double epoch();

  /** A step was made. */
  record Stepped(long step, double epoch, double lr, Training.Step values) implements RunEvent {}

  /** The test images were measured. */
  record Evaluated(long step, double epoch, Evaluation evaluation) implements RunEvent {}

  /**
   * The routers were measured.
   *
   * @param shares mean share of the routing, {@code [block][expert]}
   */
  record Routed(long step, double epoch, List<List<Double>> shares) implements RunEvent {}
}
