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
 * @param folder where everything lies
 */
public record RunResult(
    List<RunReport.TaskResult> tasks, long parameters, long trainable, Optional<RunReport.Merge> merge, RunFolder folder) {
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
