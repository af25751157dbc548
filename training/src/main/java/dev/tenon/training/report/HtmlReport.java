package dev.tenon.training.report;

import dev.tenon.engine.TenonException;
import dev.tenon.training.report.RunReport.TaskResult;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/** Shows a run as one self-contained page: no script, no file beside it, readable in light and dark. */
public final class HtmlReport {
  private static final String STYLE = "report.css";

  private final RunReport run;
  private final Markup out = new Markup();

  private HtmlReport(RunReport run) {
    this.run = run;
  }

  /**
   * Writes the page, whole or not at all.
   *
   * @throws TenonException when {@code file} cannot be written
   */
  public static void write(Path file, RunReport run) {
    var page = new HtmlReport(run).page();
    var temporary = file.resolveSibling(file.getFileName() + ".tmp");
    try {
      try {
        Files.writeString(temporary, page);
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(temporary);
      }
    } catch (IOException e) {
      throw new TenonException(
          file + ": the report cannot be written (" + e + "); check the folder and the free space.", e);
    }
  }

  private String page() {
    out.open("html", "lang", "en").open("head");
    out.empty("meta", "charset", "utf-8");
    out.empty("meta", "name", "viewport", "content", "width=device-width, initial-scale=1");
    out.leaf("title", run.title()).leaf("style", style()).close();
    out.open("body").open("main");
    header();
    comparison();
    results();
    curves();
    experts();
    new SampleGallery(run.samples()).draw(out);
    new ClassTable(run.classes()).draw(out);
    facts();
    recipe();
    out.close().close().close();
    return "<!DOCTYPE html>\n" + out;
  }

  private void header() {
    out.open("header").leaf("p", "Tenon run report", "class", "kicker");
    out.leaf("h1", run.title()).leaf("p", run.summary(), "class", "lede");
    out.open("dl", "class", "tiles");
    if (!run.tasks().isEmpty()) {
      tile(Figures.percent(mean(TaskResult::last)), "mean accuracy, last epoch");
      tile(Figures.percent(mean(TaskResult::best)), "mean accuracy, best epoch");
    }
    run.merge().ifPresent(merge -> {
      tile(Figures.millions(merge.plain().parameters()), "parameters once merged");
      tile(Figures.millis(merge.plain().millisPerImage()), "per image once merged");
    });
    out.close().close();
  }

  private void tile(String value, String name) {
    out.open("div").leaf("dd", value).leaf("dt", name).close();
  }

  private void comparison() {
    if (run.methods().isEmpty()) {
      return;
    }
    heading("Methods", "Test accuracy in %, answers over the classes of all tasks.");
    var table = new Table(out);
    table.begin("method", "trained", taskNames(), "mean");
    double best = run.methods().stream().mapToDouble(row -> mean(row.accuracy())).max().orElse(0);
    for (var row : run.methods()) {
      double mean = mean(row.accuracy());
      table.row(row.highlighted() ? "highlight" : "", row.name(), Figures.millions(row.trainable()),
          Figures.percents(row.accuracy()), Figures.percent(mean), mean == best);
    }
    table.end();
  }

  private void results() {
    if (run.tasks().isEmpty()) {
      return;
    }
    heading("Results", "Test accuracy in %. The last epoch is the run's result; the best epoch was picked by "
        + "the same test images and is given for comparison with published numbers.");
    var table = new Table(out);
    table.begin("", "", taskNames(), "mean");
    accuracyRow(table, "last epoch, all classes", TaskResult::last);
    accuracyRow(table, "best epoch, all classes", TaskResult::best);
    accuracyRow(table, "last epoch, own classes only", TaskResult::masked);
    countRow(table, "classes", TaskResult::classes);
    countRow(table, "training images", TaskResult::trainImages);
    countRow(table, "test images", TaskResult::testImages);
    table.end();
    run.merge().ifPresent(this::merge);
  }

  private void accuracyRow(Table table, String name, ToDoubleFunction<TaskResult> value) {
    var shares = run.tasks().stream().mapToDouble(value).boxed().toList();
    table.row("", name, "", Figures.percents(shares), Figures.percent(mean(shares)), false);
  }

  private void countRow(Table table, String name, ToDoubleFunction<TaskResult> value) {
    var counts = run.tasks().stream().map(task -> Figures.count((long) value.applyAsDouble(task))).toList();
    long sum = run.tasks().stream().mapToLong(task -> (long) value.applyAsDouble(task)).sum();
    table.row("quiet", name, "", counts, "Σ " + Figures.count(sum), false);
  }

  private void merge(RunReport.Merge merge) {
    heading("Before and after merging", "The adapters are folded into the weights; what remains is one plain "
        + "network. Both agree on " + Figures.percent(merge.sameAnswers()) + " of the test images; the "
        + "largest difference of any logit is " + Figures.scientific(merge.largestDifference()) + ".");
    var table = new Table(out);
    table.begin("network", "parameters", taskNames(), "ms per image");
    mergeRow(table, "with routers and adapters", merge.adapted());
    mergeRow(table, "merged", merge.plain());
    table.end();
  }

  private static void mergeRow(Table table, String name, RunReport.Side side) {
    table.row("", name, Figures.count(side.parameters()), Figures.percents(side.accuracy()),
        Figures.plainMillis(side.millisPerImage()), false);
  }

  private void curves() {
    heading("Training", "");
    out.open("div", "class", "charts");
    new LineChart("Accuracy", "on the test sets, %", true, run.accuracy()).draw(out);
    new LineChart("Loss", "of a training step", false, run.loss()).draw(out);
    new LineChart("Running loss", "per task; weighs retention inversely", false, run.taskLoss()).draw(out);
    new LineChart("Fading", "α: 0 routes fully, 1 is the plain network", false, list(run.fade())).draw(out);
    new LineChart("Learning rate", "", false, list(run.learningRate())).draw(out);
    out.close();
  }

  private static List<RunReport.Curve> list(Optional<RunReport.Curve> curve) {
    return curve.map(List::of).orElse(List.of());
  }

  private void experts() {
    if (!run.expertUsage().isEmpty()) {
      heading("Experts", "Mean share of the routing in %, at the end of the last epoch in which the routers took part; an even "
          + "router gives each expert "
          + Figures.percent(1.0 / run.expertUsage().getFirst().size()) + ".");
      new HeatMap(run.expertUsage()).draw(out);
    }
  }

  private void facts() {
    if (run.facts().isEmpty()) {
      return;
    }
    heading("The run", "");
    out.open("dl", "class", "facts");
    run.facts().forEach(fact -> out.open("div").leaf("dt", fact.name()).leaf("dd", fact.value()).close());
    out.close();
  }

  private void recipe() {
    if (!run.recipe().isBlank()) {
      out.open("details").leaf("summary", "Recipe with all defaults").leaf("pre", run.recipe()).close();
    }
  }

  private void heading(String title, String note) {
    out.leaf("h2", title);
    if (!note.isEmpty()) {
      out.leaf("p", note, "class", "note");
    }
  }

  private List<String> taskNames() {
    return run.tasks().stream().map(TaskResult::name).toList();
  }

  private double mean(ToDoubleFunction<TaskResult> value) {
    return run.tasks().stream().mapToDouble(value).average().orElseThrow();
  }

  private static double mean(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).average().orElse(0);
  }

  private static String style() {
    try (InputStream in = HtmlReport.class.getResourceAsStream(STYLE)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
