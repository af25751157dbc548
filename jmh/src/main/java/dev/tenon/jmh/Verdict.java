package dev.tenon.jmh;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.commons.math3.stat.StatUtils;

/**
 * One line of the comparison: how Tenon's time stands to another one.
 *
 * @param against a peer, or Tenon with one thread
 * @param micros of Tenon; NaN for a mean over several lines
 * @param other the time it is compared with
 * @param ratio the other time over Tenon's, above 1 where Tenon is faster
 * @param least that was set as the aim; 0 for none
 */
record Verdict(String work, int threads, String against, double micros, double other, double ratio, double least) {
  private static final String OPENBLAS = "openblas";
  private static final String PYTORCH = "pytorch";
  private static final String ONNX_RUNTIME = "onnxruntime";

  boolean isMissed() {
    return ratio < least;
  }

  /** All that can be said of {@code results}, in the order of the workloads. */
  static List<Verdict> of(Results results) {
    List<Verdict> verdicts = new ArrayList<>();
    List<Verdict> products = new ArrayList<>();
    List<Verdict> backward = new ArrayList<>();
    for (Timing ours : results.timings()) {
      if (ours.engine().equals(Tenon.NAME)) {
        for (String peer : List.of(OPENBLAS, ONNX_RUNTIME, PYTORCH)) {
          results.find(ours.workload(), peer, ours.threads()).map(t -> against(ours, t)).ifPresent(v -> {
            verdicts.add(v);
            if (v.against.equals(OPENBLAS) && v.threads == 1) {
              products.add(v);
            }
            if (isBackward(v.work)) {
              backward.add(v);
            }
          });
        }
        scaling(results, ours).ifPresent(verdicts::add);
      }
    }
    mean("all sgemm", products, OPENBLAS, 0.85).ifPresent(verdicts::add);
    mean("all backward", backward, PYTORCH, 1).ifPresent(verdicts::add);
    return verdicts;
  }

  private static Verdict against(Timing ours, Timing other) {
    return new Verdict(ours.workload(), ours.threads(), other.engine(), ours.micros(), other.micros(), other.micros() / ours.micros(),
        least(ours.workload(), other.engine(), ours.threads()));
  }

  /** What two threads gain over one. */
  private static Optional<Verdict> scaling(Results results, Timing two) {
    return two.threads() != 2 ? Optional.empty()
        : results.find(two.workload(), Tenon.NAME, 1).map(one -> new Verdict(
            two.workload(), 2, "1 thread", two.micros(), one.micros(), one.micros() / two.micros(), 1.7));
  }

  private static Optional<Verdict> mean(String work, List<Verdict> rows, String peer, double least) {
    double[] ratios = rows.stream().mapToDouble(Verdict::ratio).toArray();
    return ratios.length == 0 ? Optional.empty()
        : Optional.of(new Verdict(work + " (geometric mean)", 1, peer, Double.NaN, Double.NaN, StatUtils.geometricMean(ratios), least));
  }

  private static boolean isBackward(String work) {
    return work.endsWith("-backward") || work.contains("-grad");
  }

  private static double least(String work, String peer, int threads) {
    if (work.startsWith("sgemm")) {
      return peer.equals(OPENBLAS) && threads == 1 ? 0.75 : 0;
    }
    if (isBackward(work) || work.startsWith("gram-affinity")) {
      return 0;
    }
    return peer.equals(ONNX_RUNTIME) ? 0.85 : work.startsWith("emtal") ? 0.9 : 1;
  }
}
