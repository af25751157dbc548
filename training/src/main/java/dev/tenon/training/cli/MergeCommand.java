package dev.tenon.training.cli;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.TenonException;
import dev.tenon.training.model.TrainedModel;
import dev.tenon.training.recipe.Recipe;
import dev.tenon.training.run.RunFolder;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Makes one plain network of an adapter and the weights it was trained on. */
@Command(
    name = "merge",
    description = "Fold an adapter into its base weights, which leaves one plain ViT; answers 3 when the outputs would change.")
final class MergeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "ADAPTER|RUN", description = "An adapter file, or the folder of a finished run.")
  private Path source;

  @Option(names = "--base", paramLabel = "WEIGHTS",
      description = "The pretrained weights the adapter was trained on; those the run's recipe names if left out.")
  private Path base;

  @Option(names = {"-o", "--output"}, paramLabel = "OUT", required = true, description = "Where to write the plain model.")
  private Path output;

  @Mixin private NamesOption names;
  @Mixin private DeviceOptions device;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    try (Backend backend = device.open(); Scope _ = Scope.open(backend)) {
      TrainedModel adapted = TrainedModel.load(adapter(), baseWeights());
      TrainedModel merged = adapted.merged();
      return new Equality(out).save(adapted.vit(), merged.vit(), output, () -> merged.save(output, names.scheme()));
    }
  }

  private Optional<RunFolder> run() {
    return Files.isDirectory(source) ? Optional.of(new RunFolder(source)) : Optional.empty();
  }

  private Path adapter() {
    return run().map(RunFolder::adapter).orElse(source);
  }

  private Path baseWeights() {
    if (base != null) {
      return base;
    }
    RunFolder run = run().orElseThrow(() -> new TenonException(
        source + ": an adapter is merged with the weights it was trained on; name them with --base"));
    return Recipe.load(run.recipe(), List.of()).model().weights();
  }
}
