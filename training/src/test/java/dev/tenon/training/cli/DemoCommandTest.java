package dev.tenon.training.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.training.data.MultiTask;
import dev.tenon.training.data.RecipeData;
import dev.tenon.training.recipe.MethodSpec;
import dev.tenon.training.recipe.ModelSpec;
import dev.tenon.training.recipe.Recipe;
import dev.tenon.training.report.RunReport;
import dev.tenon.training.report.RunReport.MethodRow;
import dev.tenon.training.report.RunReport.TaskResult;
import dev.tenon.training.run.RunFolder;
import dev.tenon.training.run.RunResult;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The demo's recipes and its table; the demo itself takes minutes and is what CI runs after the tests. */
class DemoCommandTest {
  private static final Path FOLDER = Path.of("it's, a: 'folder'");

  @Test
  void theRecipesAreCompleteAndFitTogether() {
    Recipe pretraining = DemoCommand.pretraining(FOLDER);
    assertThat(pretraining.model().format()).isEqualTo(ModelSpec.WeightFormat.NONE);
    assertThat(pretraining.output().dir()).isEqualTo(FOLDER.resolve("pretrain"));
    MultiTask learned = RecipeData.tasks(pretraining.data(), pretraining.model().imageSize());
    for (DemoCommand.Contender contender : DemoCommand.CONTENDERS) {
      Recipe recipe = DemoCommand.adaptation(contender, Path.of("w.safetensors"), FOLDER);
      assertThat(recipe.model().imageSize()).isEqualTo(pretraining.model().imageSize());
      assertThat(recipe.output().dir()).isEqualTo(FOLDER.resolve(contender.name()));
      MultiTask data = RecipeData.tasks(recipe.data(), recipe.model().imageSize());
      assertThat(data.tasks()).hasSize(4)
          .noneMatch(task -> learned.tasks().stream().anyMatch(known -> known.name().equals(task.name())));
      if (recipe.method() instanceof MethodSpec.Emtal emtal) {
        double hidden = pretraining.model().dim() * pretraining.model().mlpRatio();
        assertThat(hidden % emtal.adapter().experts()).isZero();
      }
    }
    assertThat(DemoCommand.adaptation(DemoCommand.CONTENDERS.getLast(), FOLDER, FOLDER).method()).isInstanceOf(MethodSpec.Emtal.class);
  }

  @Test
  void theTableShowsEveryMethodAndBothNetworks() {
    var result = new RunResult(
        List.of(new TaskResult("points", 8, 480, 400, 0.61, 0.62, 0.64), new TaskResult("pair", 4, 600, 400, 0.5, 0.5, 0.5)),
        250_000, 33_000,
        Optional.of(new RunReport.Merge(
            new RunReport.Side(250_000, 0.31, List.of(0.61, 0.5)), new RunReport.Side(220_000, 0.21, List.of(0.61, 0.5)), 3e-6, 1)),
        Optional.empty(),
        new RunFolder(FOLDER));
    var out = new StringWriter();
    new DemoTable(List.of(new MethodRow("linear probe", 1_690, List.of(0.4, 0.3), false), result.row("EMTAL", true)), result)
        .print(new PrintWriter(out));
    assertThat(out.toString().lines().map(line -> line.replaceAll(" +", " "))).contains(
        "test accuracy in % points pair mean trained",
        "linear probe 40.0 30.0 35.0 1,690",
        "EMTAL 61.0 50.0 55.5 33,000",
        "EMTAL points pair mean stored ms/image",
        "with routers, adapters 61.0 50.0 55.5 250,000 0.310",
        "merged into a plain ViT 61.0 50.0 55.5 220,000 0.210");
    assertThat(out.toString()).contains("same answer on 100.0 %", "3.0e-06");
  }
}
