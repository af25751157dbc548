package dev.tenon.training.cli;

import dev.tenon.training.report.RunReport;
import dev.tenon.training.run.RunResult;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** A finished run as a few lines of text. */
record ResultTable(RunResult result) {
  void print(PrintWriter out) {
    List<RunReport.TaskResult> tasks = result.tasks();
    int width = Math.max("task".length(), tasks.stream().mapToInt(task -> task.name().length()).max().orElse(0));
    String row = "%-" + width + "s %8s %12s %11s %12s %9s%n";
    out.printf(row, "task", "classes", "test images", "last epoch", "own classes", "best epoch");
    for (RunReport.TaskResult t : tasks) {
      out.printf(row, t.name(), t.classes(), t.testImages(), percent(t.last()), percent(t.masked()), percent(t.best()));
    }
    out.printf(row, "mean", "", "", percent(mean(RunReport.TaskResult::last)), percent(mean(RunReport.TaskResult::masked)),
        percent(mean(RunReport.TaskResult::best)));
    out.printf(Locale.ROOT, "%,d of %,d parameters trained%n", result.trainable(), result.parameters());
    result.pace().ifPresent(pace -> out.printf(Locale.ROOT, "%.1f ms a step, %.1f %% of it waiting for images; %.0f images a second%n",
        pace.millisPerStep(), 100 * pace.waiting(), pace.imagesPerSecond()));
    result.merge().ifPresent(merge -> merge(out, merge));
    if (Files.exists(result.folder().report())) {
      out.println("report: " + result.folder().report());
    }
  }

  private static void merge(PrintWriter out, RunReport.Merge merge) {
    out.printf(Locale.ROOT, "merged: %,d parameters, same answer on %.2f %% of the test images, logits differ by at most %.1e,"
        + " %.2f ms per image instead of %.2f%n", merge.plain().parameters(), 100 * merge.sameAnswers(),
        merge.largestDifference(), merge.plain().millisPerImage(), merge.adapted().millisPerImage());
  }

  private double mean(ToDoubleFunction<RunReport.TaskResult> value) {
    return result.tasks().stream().mapToDouble(value).average().orElseThrow();
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }
}
