package dev.tenon.training.cli;

import dev.tenon.training.run.RunFolder.Start;
import dev.tenon.training.run.RunResult;
import dev.tenon.training.run.Trainer;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Trains as a recipe says, merges, and leaves models, measurements and a report in the run's folder. */
@Command(
    name = "train",
    description = "Carry out a recipe: train, measure, merge and report. The run's folder is the recipe's output.dir.")
final class TrainCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private RecipeOptions recipe;
  @ArgGroup private Existing existing = new Existing();

  /** What to do with the run that the folder holds. */
  private static final class Existing {
    @Option(names = "--resume", description = "Go on from the last checkpoint in the run's folder.")
    private boolean resume;

    @Option(names = "--overwrite", description = "Give up the run that the folder holds.")
    private boolean overwrite;
  }

  @Override
  public Integer call() {
    var out = spec.commandLine().getOut();
    Start start = existing.resume ? Start.RESUME : existing.overwrite ? Start.OVERWRITE : Start.FRESH;
    RunResult result = new Trainer(recipe.load(), start, System.err).run();
    new ResultTable(result).print(out);
    out.flush();
    return ExitCode.OK;
  }
}
