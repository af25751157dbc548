package dev.tenon.jmh;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/**
 * Where the time of a workload goes, from the flight recorder's events of its ops.
 *
 * @param rows slowest first
 * @param total microseconds of one run, with what is between the ops
 */
record Profile(String workload, List<Row> rows, double total) {
  private static final String OP_EVENT = "dev.tenon.Op";

  /**
   * One op on operands of the same shapes, over all runs.
   *
   * @param micros of one run
   */
  record Row(String op, String kernel, String shapes, double calls, double micros, double gigaflops, double gigabytes) {}

  private static final class Sum {
    private long calls;
    private long nanos;
    private double flops;
    private double bytes;
  }

  /** Runs {@code workload} for {@code seconds} to warm up, and as long under the recorder. */
  static Profile of(Workload workload, int threads, double seconds) {
    try (Job job = new Tenon().open(workload, threads); Recording recording = new Recording()) {
      repeat(job, seconds);
      recording.enable(OP_EVENT).withThreshold(Duration.ZERO);
      recording.start();
      long begin = System.nanoTime();
      long runs = repeat(job, seconds);
      double total = (System.nanoTime() - begin) / 1e3 / runs;
      recording.stop();
      return new Profile(workload.name(), rows(recording, runs), total);
    }
  }

  private static long repeat(Job job, double seconds) {
    long end = System.nanoTime() + Math.round(seconds * 1e9);
    long runs = 0;
    do {
      job.run();
      runs++;
    } while (System.nanoTime() < end);
    return runs;
  }

  private static List<Row> rows(Recording recording, long runs) {
    Map<List<String>, Sum> sums = new HashMap<>();
    for (RecordedEvent event : events(recording)) {
      Sum sum = sums.computeIfAbsent(
          List.of(event.getString("op"), event.getString("kernel"), event.getString("shapes")), _ -> new Sum());
      sum.calls++;
      sum.nanos += event.getDuration().toNanos();
      sum.flops += event.getLong("flops");
      sum.bytes += event.getLong("bytes");
    }
    return sums.entrySet().stream()
        .map(e -> row(e.getKey(), e.getValue(), runs))
        .sorted(Comparator.comparingDouble(Row::micros).reversed()).toList();
  }

  private static Row row(List<String> key, Sum sum, long runs) {
    return new Row(key.get(0), key.get(1), key.get(2), (double) sum.calls / runs, sum.nanos / 1e3 / runs, sum.flops / sum.nanos,
        sum.bytes / sum.nanos);
  }

  private static List<RecordedEvent> events(Recording recording) {
    try {
      Path file = Files.createTempFile("tenon", ".jfr");
      try {
        recording.dump(file);
        return RecordingFile.readAllEvents(file);
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new TenonException("the flight recording cannot be kept in a temporary file (" + e.getMessage() + "); make room", e);
    }
  }

  void print(PrintStream out) {
    out.printf(Locale.ROOT, "%n%s: %.1f µs a run%n%n", workload, total);
    out.printf("%6s %10s %7s %9s %8s  %-22s %s%n", "%", "µs", "calls", "GFLOP/s", "GB/s", "op", "on");
    for (Row row : rows) {
      out.printf(Locale.ROOT, "%6.1f %10.1f %7.1f %9.1f %8.1f  %-22s %s%n", 100 * row.micros / total, row.micros, row.calls, row.gigaflops,
          row.gigabytes, row.op, row.shapes);
    }
    double between = total - rows.stream().mapToDouble(Row::micros).sum();
    out.printf(Locale.ROOT, "%6.1f %10.1f %37s%n", 100 * between / total, between, "between the ops");
  }
}
