package dev.tenon.training.bench;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.autograd.Tape;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.commons.math3.stat.StatUtils;

/**
 * How long one run takes, in microseconds: samples of several runs between two waits for the device, allocation and dispatch included.
 */
record Timing(List<Double> samples) {
  /** Seconds of runs that are sampled together, so that starting and waiting do not count. */
  static final double SAMPLE = 0.005;

  private static final double NANOS = 1e9;
  private static final int MOST_TOGETHER = 100;
  private static final int LEAST_SAMPLES = 5;
  private static final int LEAST_WARM_UP = 3;

  /** Runs {@code work} over and over for about {@code seconds}, after half as long to warm up. */
  static Timing of(Backend backend, Workload.Prepared prepared, double seconds) {
    return of(backend, prepared.run(), prepared.sample(), seconds);
  }

  /** Work that is over before it is run again. */
  static Timing of(Backend backend, Runnable work, double seconds) {
    return of(backend, work, SAMPLE, seconds);
  }

  private static Timing of(Backend backend, Runnable work, double sample, double seconds) {
    double once = Double.POSITIVE_INFINITY;
    long warm = System.nanoTime() + (long) (seconds / 2 * NANOS);
    for (int i = 0; i < LEAST_WARM_UP || System.nanoTime() < warm; i++) {
      once = Math.min(once, seconds(backend, work, 1));
    }
    int together = (int) Math.clamp(Math.ceil(sample / once), 1, MOST_TOGETHER);
    long end = System.nanoTime() + (long) (seconds * NANOS);
    List<Double> samples = new ArrayList<>();
    while (samples.size() < LEAST_SAMPLES || System.nanoTime() < end) {
      samples.add(1e6 * seconds(backend, work, together) / together);
    }
    return new Timing(List.copyOf(samples));
  }

  private static double seconds(Backend backend, Runnable work, int times) {
    long start = System.nanoTime();
    for (int i = 0; i < times; i++) {
      try (Scope _ = Scope.open(); Tape _ = Tape.pause()) {
        work.run();
      }
    }
    backend.synchronize();
    return (System.nanoTime() - start) / NANOS;
  }

  double least() {
    return Collections.min(samples);
  }

  double median() {
    return quantile(50);
  }

  /** Below which so many percent of the samples are. */
  double quantile(double percent) {
    return StatUtils.percentile(samples.stream().mapToDouble(Double::doubleValue).toArray(), percent);
  }
}
