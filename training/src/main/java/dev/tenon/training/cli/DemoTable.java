package dev.tenon.training.cli;

import dev.tenon.training.report.RunReport;
import dev.tenon.training.report.RunReport.MethodRow;
import dev.tenon.training.report.RunReport.TaskResult;
import dev.tenon.training.run.RunResult;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What the demo found, as text: test accuracy of every method, and the last one's network before and after merging.
 *
 * @param result of the last method
 */
record DemoTable(List<MethodRow> methods, RunResult result) {
  private static final int NAME = 24;

  void print(PrintWriter out) {
    List<String> head = new ArrayList<>(result.tasks().stream().map(TaskResult::name).toList());
    head.addAll(List.of("mean", "trained"));
    line(out, "test accuracy in %", head);
    for (MethodRow row : methods) {
      accuracies(out, row.name(), row.accuracy(), String.format(Locale.ROOT, "%,d", row.trainable()));
    }
    result.merge().ifPresent(merge -> merge(out, merge));
  }

  private void merge(PrintWriter out, RunReport.Merge merge) {
    out.println();
    List<String> head = new ArrayList<>(result.tasks().stream().map(TaskResult::name).toList());
    head.addAll(List.of("mean", "stored", "ms/image"));
    line(out, methods.getLast().name(), head);
    side(out, "with routers, adapters", merge.adapted());
    side(out, "merged into a plain ViT", merge.plain());
    out.printf(Locale.ROOT, "%nThe merged network gives the same answer on %.1f %% of the test images;"
        + " no logit differs by more than %.1e.%n", 100 * merge.sameAnswers(), merge.largestDifference());
  }

  private void side(PrintWriter out, String name, RunReport.Side side) {
    accuracies(out, name, side.accuracy(), String.format(Locale.ROOT, "%,d", side.parameters()),
        String.format(Locale.ROOT, "%.3f", side.millisPerImage()));
  }

  private static void accuracies(PrintWriter out, String name, List<Double> shares, String... more) {
    List<String> cells = new ArrayList<>(shares.stream().map(share -> String.format(Locale.ROOT, "%.1f", 100 * share)).toList());
    cells.add(String.format(Locale.ROOT, "%.1f", 100 * shares.stream().mapToDouble(Double::doubleValue).average().orElseThrow()));
    cells.addAll(List.of(more));
    line(out, name, cells);
  }

  private static void line(PrintWriter out, String name, List<String> cells) {
    out.print(name + " ".repeat(Math.max(1, NAME - name.length())));
    cells.forEach(cell -> out.printf("%9s", cell));
    out.println();
  }
}
