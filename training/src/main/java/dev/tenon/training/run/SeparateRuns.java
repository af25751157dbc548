package dev.tenon.training.run;

import dev.tenon.engine.TenonException;
import dev.tenon.training.data.MultiTask;
import dev.tenon.training.data.RecipeData;
import dev.tenon.training.recipe.DataSpec;
import dev.tenon.training.recipe.MethodSpec;
import dev.tenon.training.recipe.OutputSpec;
import dev.tenon.training.recipe.Recipe;
import dev.tenon.training.recipe.TaskSpec;
import dev.tenon.training.report.HtmlReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** One network a task: a run of its own for each, in a folder inside the run's, and what they come to together. */
final class SeparateRuns {
  private final Trainer trainer;
  private final RunFolder folder;
  private final List<UnionRun> runs = new ArrayList<>();

  /**
   * Runs that have not begun.
   *
   * @throws TenonException when the folder or the number of images of one of them does not allow it
   */
  SeparateRuns(Trainer trainer, MultiTask data) {
    this.trainer = trainer;
    this.folder = new RunFolder(trainer.recipe().output().dir());
    List<TaskSpec> specs = RecipeData.taskSpecs(trainer.recipe().data());
    List<Recipe> recipes = specs.stream().map(task -> recipe(trainer.recipe(), task)).toList();
    if (trainer.start() == RunFolder.Start.RESUME && recipes.stream().noneMatch(SeparateRuns::isBegun)) {
      throw new TenonException(folder.dir() + " holds no runs to resume; start them without --resume");
    }
    for (int t = 0; t < recipes.size(); t++) {
      // Of an interrupted run the first tasks are finished, one is under way, and the others have not begun.
      RunFolder.Start start = trainer.start() == RunFolder.Start.RESUME && !isBegun(recipes.get(t))
          ? RunFolder.Start.FRESH
          : trainer.start();
      runs.add(new UnionRun(
          new Trainer(recipes.get(t), start, trainer.progress(), trainer.watcher()), new MultiTask(List.of(data.tasks().get(t)))));
    }
  }

  private static boolean isBegun(Recipe recipe) {
    return new RunFolder(recipe.output().dir()).holdsRun();
  }

  RunResult run() {
    List<RunResult> results = runs.stream().map(UnionRun::run).toList();
    RunResult joined = new RunResult(
        results.stream().flatMap(result -> result.tasks().stream()).toList(),
        results.stream().mapToLong(RunResult::parameters).sum(),
        results.stream().mapToLong(RunResult::trainable).sum(),
        Optional.empty(),
        Optional.empty(),
        folder);
    folder.write(trainer.recipe());
    if (trainer.recipe().output().report()) {
      HtmlReport.write(folder.report(), JoinedReport.of(trainer.recipe(), joined, results));
    }
    return joined;
  }

  private static Recipe recipe(Recipe whole, TaskSpec task) {
    DataSpec d = whole.data();
    OutputSpec o = whole.output();
    Path dir = o.dir().resolve(task.name().replaceAll("[^A-Za-z0-9._-]", "_"));
    return new Recipe(
        whole.name() + "-" + dir.getFileName(), whole.seed(), whole.device(), whole.threads(), whole.precision(), whole.model(),
        new DataSpec(d.source(), d.root(), List.of(task), d.classOrder(), d.exif(), d.cacheMb(), d.cacheShortSide(), d.shots(),
            d.batchSize(), d.workers(), d.seed(), d.augment()),
        new MethodSpec.Full(false), whole.optimizer(), whole.schedule(), whole.eval(),
        new OutputSpec(dir, o.checkpointEvery(), o.tensorboard(), o.report()));
  }
}
