package dev.tenon.training.run;

import dev.tenon.training.recipe.Recipe;
import dev.tenon.training.report.RunReport;
import dev.tenon.training.report.RunReport.Curve;
import dev.tenon.training.report.RunReport.Fact;
import dev.tenon.training.report.RunReport.Point;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The page about networks that were trained one a task: their results side by side; each has a page of its own, too. */
final class JoinedReport {
  private JoinedReport() {}

  /**
   * The page's content.
   *
   * @param results one for each task, in order
   */
  static RunReport of(Recipe recipe, RunResult joined, List<RunResult> results) {
    List<Curve> losses = new ArrayList<>();
    List<Curve> accuracies = new ArrayList<>();
    List<Fact> facts = new ArrayList<>(List.of(
        new Fact("method", Report.describe(recipe.method())),
        new Fact("trained parameters", String.format(Locale.ROOT, "%,d", joined.trainable())),
        new Fact("seed", Long.toString(recipe.seed()))));
    for (RunResult result : results) {
      String task = result.tasks().getFirst().name();
      History history = History.read(result.folder().metrics());
      losses.add(new Curve(task,
          history.steps().stream().map(step -> new Point(step.epoch(), step.values().loss())).toList()));
      accuracies.add(new Curve(task,
          history.evaluations().stream().map(e -> new Point(e.epoch(), e.evaluation().mean())).toList()));
      facts.add(new Fact("run of " + task, result.folder().dir().getFileName().resolve(result.folder().report().getFileName()).toString()));
    }
    return new RunReport(
        recipe.name(),
        "One network for each of " + results.size() + " tasks.",
        facts,
        joined.tasks(),
        losses,
        List.of(),
        accuracies,
        Optional.empty(),
        Optional.empty(),
        List.of(),
        List.of(),
        List.of(),
        Optional.empty(),
        List.of(),
        recipe.toYaml());
  }
}
