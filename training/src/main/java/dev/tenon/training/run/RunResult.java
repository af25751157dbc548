package dev.tenon.training.run;

import dev.tenon.training.report.RunReport;
import java.util.List;
import java.util.Optional;

/**
 * What a run came to.
 *
 * @param tasks in union order
 * @param parameters stored values of what the run trained, adapters included; of all networks together where there are several
 * @param trainable how many of them learned
 * @param merge the network before and after its adapters were folded in; empty when it has none
 * @param pace at which it learned; empty where no step was left to make, or where there are several networks
 * @param folder where everything lies
 */
public record RunResult(
    List<RunReport.TaskResult> tasks, long parameters, long trainable, Optional<RunReport.Merge> merge, Optional<Pace> pace,
    RunFolder folder) {
  /**
   * How fast a run learned, evaluations left out.
   *
   * @param waiting share of the time in which a step waited for its images
   */
  public record Pace(double imagesPerSecond, double millisPerStep, double waiting) {}

  /** Mean over tasks of the accuracy after the last epoch. */
  public double mean() {
    return tasks.stream().mapToDouble(RunReport.TaskResult::last).average().orElseThrow();
  }

  /** This run as a line of a comparison. */
  public RunReport.MethodRow row(String name, boolean highlighted) {
    return new RunReport.MethodRow(
        name, trainable, tasks.stream().map(RunReport.TaskResult::last).toList(), highlighted);
  }
}
