package dev.tenon.training.bench;

import dev.tenon.engine.op.Cost;
import dev.tenon.training.data.Batch;
import dev.tenon.training.method.Training;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Supplier;

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

  /**
   * What can be timed: one run, and the flops and bytes that it cannot avoid.
   *
   * @param sample seconds of runs that are sampled together
   */
  record Prepared(Cost cost, Runnable run, double sample) {
    /** Of which each is over before the next. */
    Prepared(Cost cost, Runnable run) {
      this(cost, run, Timing.SAMPLE);
    }

    /** Steps as training takes them, each told of when the next has been started; of many, the last, which is alone, counts little. */
    static Prepared steps(Cost cost, Training<?> training, Batch images) {
      Deque<Supplier<Training.Step>> started = new ArrayDeque<>();
      long[] number = {0};
      return new Prepared(cost, () -> {
        started.add(training.start(images, number[0]++, EmtalWork.LR));
        if (started.size() > 1) {
          var _ = started.remove().get();
        }
      }, 0.3);
    }
  }
}
