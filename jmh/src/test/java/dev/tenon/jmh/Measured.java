package dev.tenon.jmh;

import dev.tenon.training.bench.Peak;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Results as tests need them. */
final class Measured {
  static final Machine MACHINE = new Machine("Some CPU (R) 1", 2, 256, "a JVM 25", "Linux amd64");
  static final Peak PEAK = new Peak(100e9, 20e9);

  private Measured() {}

  static Timing timing(String workload, String engine, int threads, double... forks) {
    return new Timing(workload, engine, threads, "abc1234", Arrays.stream(forks).boxed().toList());
  }

  /** Measured at {@code time} with one thread and with two. */
  static Results at(String time, Timing... timings) {
    return new Results(MACHINE, time, "measure at " + time, new TreeMap<>(Map.of(1, PEAK, 2, PEAK)), List.of(timings));
  }
}
