package dev.tenon.jmh;

import dev.tenon.engine.op.Cost;
import dev.tenon.training.bench.Peak;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Measurements as lines of text. */
record Table(PrintStream out) {
  private static final String ROW = "%-36s %7s %-12s %12s %10s %9s %8s %7s %7s%n";

  void head(Machine machine, Map<Integer, Peak> peaks, List<Engine> engines) {
    out.printf(Locale.ROOT, "%s, %d cores, %d-bit vectors, %s%n", machine.processor(), machine.cores(), machine.vectorBits(),
        machine.java());
    peaks.forEach((threads, peak) ->
        out.printf(Locale.ROOT, "measured peak with %d thread%s: %.1f GFLOP/s, %.1f GB/s%n", threads, threads == 1 ? "" : "s",
            peak.flops() / 1e9, peak.bytes() / 1e9));
    engines.forEach(engine -> engine.choice().ifPresent(choice -> out.printf(Locale.ROOT, "%s: %s%n", engine.name(), choice)));
    out.printf(Locale.ROOT, "%n" + ROW, "workload", "threads", "engine", "µs", "± 95 %", "GFLOP/s", "GB/s", "% peak", "x peer");
  }

  /** One line an engine; the last column is a peer's time over Tenon's. */
  void rows(Workload workload, List<Timing> timings, Peak peak) {
    Cost cost = workload.cost();
    double ours = timings.stream().filter(t -> t.engine().equals(Tenon.NAME)).mapToDouble(Timing::micros).findFirst().orElse(Double.NaN);
    for (Timing t : timings) {
      double micros = t.micros();
      out.printf(Locale.ROOT, ROW, workload.name(), t.threads(), t.engine(), number(micros, 1), number(t.halfWidth(), 1),
          number(cost.flops() / micros / 1e3, 1), number(cost.bytes() / micros / 1e3, 1),
          number(100 * peak.share(cost, micros), 0), t.engine().equals(Tenon.NAME) ? "" : number(micros / ours, 2));
    }
    out.flush();
  }

  /** What could not be measured, and why. */
  void failure(String message) {
    out.printf(Locale.ROOT, "%s%n", message);
    out.flush();
  }

  /** What changed since the last of {@code newestFirst} that measured the same, told apart from chance by a t-test. */
  void changes(List<Results> newestFirst, Results now) {
    out.printf(Locale.ROOT, "%nsince the run before:%n");
    for (Timing t : now.timings()) {
      newestFirst.stream().flatMap(r -> r.find(t.workload(), t.engine(), t.threads()).stream()).findFirst().ifPresent(before ->
          out.printf(Locale.ROOT, "  %-36s %7s %-12s %10s ± %-8s → %10s ± %-8s µs  %5.2fx  %s (commit %s)%n", t.workload(), t.threads(),
              t.engine(), number(before.micros(), 1), number(before.halfWidth(), 1), number(t.micros(), 1), number(t.halfWidth(), 1),
              before.micros() / t.micros(), change(before, t), before.commit()));
    }
  }

  /** In a word, how {@code now} stands to {@code before}. */
  static String change(Timing before, Timing now) {
    return !now.differsFrom(before) ? "no change to be sure of" : now.micros() < before.micros() ? "faster" : "SLOWER";
  }

  private static String number(double value, int decimals) {
    return Double.isFinite(value) ? String.format(Locale.ROOT, "%." + decimals + "f", value) : "-";
  }
}
