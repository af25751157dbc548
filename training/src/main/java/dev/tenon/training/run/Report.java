package dev.tenon.training.run;

import dev.tenon.training.data.MultiTask;
import dev.tenon.training.data.TaskData;
import dev.tenon.training.method.Evaluation;
import dev.tenon.training.recipe.MethodSpec;
import dev.tenon.training.recipe.Recipe;
import dev.tenon.training.report.RunReport;
import dev.tenon.training.report.RunReport.Curve;
import dev.tenon.training.report.RunReport.Fact;
import dev.tenon.training.report.RunReport.Point;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/** Gathers what a finished run has to tell into the content of its page. */
final class Report {
  private final UnionRun.Parts run;
  private final History history;
  private final RunResult result;

  Report(UnionRun.Parts run, History history, RunResult result) {
    this.run = run;
    this.history = history;
    this.result = result;
  }

  /**
   * The page's content.
   *
   * @param averaged accuracy of the averaged weights, if there are such
   */
  RunReport page(List<RunReport.Sample> samples, Optional<Evaluation> averaged) {
    boolean fades = history.steps().stream().anyMatch(step -> step.values().alpha() < 1);
    boolean retains = history.steps().stream().anyMatch(step -> !step.values().taskLoss().isEmpty());
    return new RunReport(
        run.recipe().name(),
        summary(),
        facts(averaged),
        result.tasks(),
        losses(retains),
        retains ? taskLosses() : List.of(),
        accuracies(),
        Optional.of(curve("learning rate", RunEvent.Stepped::lr)),
        fades ? Optional.of(curve("α", step -> step.values().alpha())) : Optional.empty(),
        history.routings().isEmpty() ? List.of() : history.routings().getLast().shares(),
        classes(),
        samples,
        result.merge(),
        methods(),
        run.recipe().toYaml());
  }

  private String summary() {
    int size = run.recipe().model().imageSize();
    int tasks = run.data().tasks().size();
    String learned = String.format(Locale.ROOT, "A ViT of %d blocks at %d×%d learns %s with one head over %d classes",
        run.training().master().depth(), size, size, tasks == 1 ? "one task" : tasks + " tasks", run.data().classCount());
    return learned + (result.merge().isPresent() ? ", then is merged into one plain network." : ".");
  }

  private List<Fact> facts(Optional<Evaluation> averaged) {
    Recipe recipe = run.recipe();
    List<Fact> facts = new ArrayList<>();
    facts.add(new Fact("method", describe(recipe.method())));
    facts.add(new Fact("pretrained weights", recipe.model().weights().toString().isEmpty()
        ? "none" : recipe.model().weights().getFileName().toString()));
    facts.add(new Fact("device", run.backend().describe()));
    facts.add(new Fact("duration", clock(Math.round(run.watch().seconds()))));
    result.pace().ifPresent(pace -> {
      facts.add(new Fact("training images per second", String.format(Locale.ROOT, "%.1f", pace.imagesPerSecond())));
      facts.add(new Fact("time per step", String.format(Locale.ROOT, "%.1f ms, %.1f %% of it waiting for images",
          pace.millisPerStep(), 100 * pace.waiting())));
    });
    facts.add(new Fact("memory for tensors", String.format(Locale.ROOT, "%,d MiB", run.backend().reservedBytes() >> 20)));
    facts.add(new Fact("trained parameters", String.format(Locale.ROOT, "%,d", result.trainable())));
    facts.add(new Fact("steps", String.format(Locale.ROOT, "%,d", history.steps().size())));
    facts.add(new Fact("seed", Long.toString(recipe.seed())));
    history.best().ifPresent(best -> facts.add(new Fact("best epoch", String.format(Locale.ROOT, "%.0f", best.epoch()))));
    averaged.ifPresent(evaluation ->
        facts.add(new Fact("averaged weights, mean accuracy", String.format(Locale.ROOT, "%.1f %%", 100 * evaluation.mean()))));
    return facts;
  }

  static String describe(MethodSpec method) {
    return switch (method) {
      case MethodSpec.LinearProbe _ -> "linear probe";
      case MethodSpec.Full full -> full.separate() ? "full fine-tuning, one network a task" : "full fine-tuning";
      case MethodSpec.Lora lora -> "LoRA, rank " + lora.rank();
      case MethodSpec.MoefiedLora moe -> "MoEfied LoRA, rank " + moe.lora().rank() + ", " + moe.experts() + " experts";
      case MethodSpec.Emtal emtal ->
          "EMTAL, rank " + emtal.adapter().lora().rank() + ", " + emtal.adapter().experts() + " experts";
    };
  }

  private static String clock(long seconds) {
    return String.format(Locale.ROOT, "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
  }

  /** The rivals, then this run; empty without rivals. */
  private List<RunReport.MethodRow> methods() {
    List<RunReport.MethodRow> methods = new ArrayList<>(run.rivals());
    if (!methods.isEmpty()) {
      methods.add(result.row(describe(run.recipe().method()), true));
    }
    return methods;
  }

  private List<Curve> losses(boolean retains) {
    Curve all = curve("all", step -> step.values().loss());
    return retains
        ? List.of(all, curve("cross-entropy", step -> step.values().crossEntropy()),
            curve("retention", step -> step.values().distillation()))
        : List.of(all);
  }

  private List<Curve> taskLosses() {
    List<Curve> curves = new ArrayList<>();
    for (int t = 0; t < run.data().tasks().size(); t++) {
      int task = t;
      curves.add(curve(run.data().tasks().get(t).name(), step -> step.values().taskLoss().get(task)));
    }
    return curves;
  }

  private List<Curve> accuracies() {
    List<Curve> curves = new ArrayList<>();
    for (int t = 0; t < run.data().tasks().size(); t++) {
      int task = t;
      List<Point> points = history.evaluations().stream()
          .map(e -> new Point(e.epoch(), e.evaluation().tasks().get(task).accuracy()))
          .toList();
      curves.add(new Curve(run.data().tasks().get(t).name(), points));
    }
    return curves;
  }

  private Curve curve(String name, ToDoubleFunction<RunEvent.Stepped> value) {
    return new Curve(name,
        history.steps().stream().map(step -> new Point(step.epoch(), value.applyAsDouble(step))).toList());
  }

  private List<RunReport.ClassAccuracy> classes() {
    MultiTask data = run.data();
    Evaluation last = history.evaluations().getLast().evaluation();
    List<RunReport.ClassAccuracy> classes = new ArrayList<>();
    for (int t = 0; t < data.tasks().size(); t++) {
      TaskData task = data.tasks().get(t);
      for (int c = 0; c < task.classes().size(); c++) {
        classes.add(new RunReport.ClassAccuracy(task.name(), task.classes().get(c),
            last.tasks().get(t).classCorrect().get(c), last.tasks().get(t).classImages().get(c)));
      }
    }
    return classes;
  }
}
