package dev.tenon.training.bench;

import dev.tenon.engine.op.Cost;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * What came of one workload.
 *
 * @param timing null when the result was wrong
 * @param fallbacks calls of one run that the reference computed on the host, for want of a kernel
 * @param wrong what was wrong, or empty
 */
record Row(String name, Cost cost, Timing timing, Peak peak, long fallbacks, String wrong) {
  static final String HEAD = String.format("%-44s %11s %9s %8s %9s", "work", "µs", "TFLOP/s", "GB/s", "% of peak");

  boolean isRight() {
    return wrong.isEmpty();
  }

  private double teraflops() {
    return cost.flops() / timing.median() / 1e6;
  }

  private double gigabytes() {
    return cost.bytes() / timing.median() / 1e3;
  }

  private double share() {
    return peak.share(cost, timing.median());
  }

  /** A line of the table under {@link #HEAD}. */
  @Override
  public String toString() {
    if (!isRight()) {
      return String.format("%-44s WRONG: %s", name, wrong);
    }
    String line = String.format(Locale.ROOT, "%-44s %11.1f %9.3f %8.1f %9.1f", name, timing.median(), teraflops(), gigabytes(),
        100 * share());
    return fallbacks == 0 ? line : line + "  " + fallbacks + " calls on the host's reference";
  }

  Map<String, Object> json() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("work", name);
    if (!isRight()) {
      object.put("wrong", wrong);
      return object;
    }
    object.put("micros", timing.median());
    object.put("micros_10_percent", timing.quantile(10));
    object.put("micros_90_percent", timing.quantile(90));
    object.put("samples", timing.samples().size());
    object.put("flops", cost.flops());
    object.put("bytes", cost.bytes());
    object.put("tflops", teraflops());
    object.put("gbytes_per_second", gigabytes());
    object.put("share_of_peak", share());
    object.put("calls_on_reference", fallbacks);
    return object;
  }
}
