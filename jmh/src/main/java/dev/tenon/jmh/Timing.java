package dev.tenon.jmh;

import java.util.List;
import org.apache.commons.math3.distribution.TDistribution;
import org.apache.commons.math3.stat.StatUtils;
import org.apache.commons.math3.stat.inference.TestUtils;

/**
 * What one engine took for one workload.
 *
 * @param commit of the source that was measured, {@code +} when it was changed since
 * @param forks the median run of each fork, in microseconds; the compiler may take a fork another way than the next
 */
public record Timing(String workload, String engine, int threads, String commit, List<Double> forks) {
  private static final double CONFIDENCE = 0.95;
  private static final double SIGNIFICANCE = 0.05;

  public Timing {
    forks = List.copyOf(forks);
  }

  /** The median over the forks, in microseconds. */
  public double micros() {
    return StatUtils.percentile(values(), 50);
  }

  /** Half the width of the 95 % confidence interval of the mean over forks (Student); NaN for a single fork. */
  public double halfWidth() {
    int n = forks.size();
    if (n < 2) {
      return Double.NaN;
    }
    double quantile = new TDistribution(n - 1).inverseCumulativeProbability((1 + CONFIDENCE) / 2);
    return quantile * Math.sqrt(StatUtils.variance(values()) / n);
  }

  /** Whether the forks of {@code other} took another time, by Welch's t-test at 5 %; never when there are too few to tell. */
  public boolean differsFrom(Timing other) {
    if (forks.size() < 2 || other.forks.size() < 2 || StatUtils.variance(values()) + StatUtils.variance(other.values()) == 0) {
      return false;
    }
    return TestUtils.tTest(values(), other.values(), SIGNIFICANCE);
  }

  /** Whether {@code other} is a timing of the same work on the same engine and threads. */
  public boolean matches(Timing other) {
    return workload.equals(other.workload) && engine.equals(other.engine) && threads == other.threads;
  }

  private double[] values() {
    return forks.stream().mapToDouble(Double::doubleValue).toArray();
  }
}
