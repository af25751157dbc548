package dev.tenon.training.run;

import java.util.Optional;
import java.util.function.Supplier;

/**
 * Times a run: how long it took, resumed halves together, how fast it learned when it was not measuring itself, and how much of that
 * it waited for data.
 */
final class Stopwatch {
  private final long begin = System.nanoTime();
  private double before;
  private long learning;
  private long since = begin;
  private long waiting;
  private long steps;
  private long images;

  /** Counts in what an earlier process took. */
  void add(double seconds) {
    before += seconds;
  }

  /** Learning goes on now. */
  void goOn() {
    since = System.nanoTime();
  }

  /** What {@code source} gives; the time until then counts as waiting, even while a GPU is busy with the step before. */
  <T> T await(Supplier<T> source) {
    long from = System.nanoTime();
    T value = source.get();
    waiting += System.nanoTime() - from;
    return value;
  }

  /** Images were learned from in one step, since the last of these calls. */
  void seen(int count) {
    long now = System.nanoTime();
    learning += now - since;
    since = now;
    images += count;
    steps++;
  }

  double seconds() {
    return before + (System.nanoTime() - begin) / 1e9;
  }

  /** How this process learned; empty when it made no step. */
  Optional<RunResult.Pace> pace() {
    return steps == 0
        ? Optional.empty()
        : Optional.of(new RunResult.Pace(images / (learning / 1e9), learning / 1e6 / steps, (double) waiting / learning));
  }
}
