package dev.tenon.training.cli;

import dev.tenon.training.recipe.Recipe;
import dev.tenon.training.report.RunReport.MethodRow;
import dev.tenon.training.run.RunFolder;
import dev.tenon.training.run.RunResult;
import dev.tenon.training.run.Trainer;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Shows the whole way of EMTAL, and what it is worth, on images the program draws itself. */
@Command(
    name = "demo",
    description = {
      "Pretrain a small ViT on images drawn by Tenon, adapt it to four tasks by three methods, merge, and compare.",
      "Needs no data and no download; takes about two minutes on two cores."
    })
final class DemoCommand implements Callable<Integer> {
  static final List<Contender> CONTENDERS = List.of(
      new Contender("linear probe", "linear-probe", "{kind: linear-probe}", List.of("optimizer.lr=0.01")),
      new Contender("LoRA, rank 4", "lora", "{kind: lora, rank: 4}", List.of()),
      new Contender("EMTAL, rank 4", "emtal", "{kind: emtal, rank: 4, experts: 8}", List.of()));

  /** A method that takes part. */
  record Contender(String title, String name, String method, List<String> settings) {}

  @Spec private CommandSpec spec;

  @Option(names = {"-o", "--output"}, paramLabel = "FOLDER", defaultValue = "runs/demo",
      description = "Where the runs are left; an earlier demo there is replaced (default: runs/demo).")
  private Path folder;

  @Override
  public Integer call() {
    Instant begin = Instant.now();
    PrintWriter out = spec.commandLine().getOut();
    RunResult result = train(pretraining(folder), List.of());
    Path weights = result.folder().model();
    List<MethodRow> rows = new ArrayList<>();
    for (Contender contender : CONTENDERS) {
      result = train(adaptation(contender, weights, folder), rows);
      rows.add(result.row(contender.title, false));
    }
    new DemoTable(rows, result).print(out);
    out.printf("%nreport: %s%nmodel:  %s%n%d s%n", result.folder().report(), result.folder().model(),
        Duration.between(begin, Instant.now()).toSeconds());
    out.flush();
    return ExitCode.OK;
  }

  private static RunResult train(Recipe recipe, List<MethodRow> rivals) {
    return new Trainer(recipe, RunFolder.Start.OVERWRITE, System.err, _ -> {}, rivals).run();
  }

  static Recipe pretraining(Path folder) {
    return recipe("demo-pretrain.yaml", List.of(assignment("output.dir", folder.resolve("pretrain"))));
  }

  static Recipe adaptation(Contender contender, Path weights, Path folder) {
    List<String> settings = new ArrayList<>(contender.settings);
    settings.add("name=demo-" + contender.name);
    settings.add("method=" + contender.method);
    settings.add(assignment("model.weights", weights));
    settings.add(assignment("output.dir", folder.resolve(contender.name)));
    return recipe("demo-tasks.yaml", settings);
  }

  private static String assignment(String key, Path path) {
    return key + "='" + path.toString().replace("'", "''") + "'";
  }

  private static Recipe recipe(String name, List<String> settings) {
    try (InputStream in = DemoCommand.class.getResourceAsStream(name)) {
      return Recipe.parse(name, new String(in.readAllBytes(), StandardCharsets.UTF_8), settings);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
