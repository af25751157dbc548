package dev.tenon.training.run;

import dev.tenon.training.data.MultiTask;
import dev.tenon.training.data.RecipeData;
import dev.tenon.training.recipe.MethodSpec;
import dev.tenon.training.recipe.Recipe;
import dev.tenon.training.report.RunReport;
import java.io.PrintStream;
import java.util.List;
import java.util.function.Consumer;

/**
 * Carries out a recipe: trains, measures and merges, and leaves all of it in the run's folder.
 *
 * @param progress where a person follows the run
 * @param watcher hears every event after it is logged; what it throws ends the run as a crash would
 * @param rivals other methods on the same tasks, which the run's report compares this one with
 */
public record Trainer(
    Recipe recipe, RunFolder.Start start, PrintStream progress, Consumer<RunEvent> watcher, List<RunReport.MethodRow> rivals) {
  public Trainer(Recipe recipe, RunFolder.Start start, PrintStream progress) {
    this(recipe, start, progress, _ -> {});
  }

  public Trainer(Recipe recipe, RunFolder.Start start, PrintStream progress, Consumer<RunEvent> watcher) {
    this(recipe, start, progress, watcher, List.of());
  }

  /**
   * Runs to the end.
   *
   * @throws dev.tenon.engine.TenonException when data, weights, settings or the folder do not allow it; the folder then still holds
   *     the last checkpoint, from which the run can be resumed
   */
  public RunResult run() {
    MultiTask data = RecipeData.tasks(recipe.data(), recipe.model().imageSize());
    return recipe.method() instanceof MethodSpec.Full full && full.separate()
        ? new SeparateRuns(this, data).run()
        : new UnionRun(this, data).run();
  }
}
