package dev.tenon.training.cli;

import dev.tenon.engine.TenonException;
import dev.tenon.training.recipe.Recipe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * Shows what is in a file without running anything: tensors of a weights file, or a recipe with all its
 * defaults.
 */
@Command(
    name = "info",
    description = "Show what is in a recipe or a weights file: yaml, safetensors, npz or npy.")
final class InfoCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "FILE", description = "The file to look into.")
  private Path file;

  @Override
  public Integer call() {
    var out = spec.commandLine().getOut();
    switch (extension()) {
      case "yaml", "yml" -> out.print(Recipe.draft(file, List.of()).toYaml());
      case "safetensors" -> TensorListing.ofSafetensors(file).print(out);
      case "npz" -> TensorListing.ofNpz(file).print(out);
      case "npy" -> TensorListing.ofNpy(file).print(out);
      default -> throw new TenonException(file + unknown());
    }
    out.flush();
    return ExitCode.OK;
  }

  private String unknown() {
    if (!Files.exists(file)) {
      return " does not exist; check the path.";
    }
    return Files.isRegularFile(file)
        ? ": cannot tell what this is; the name should end in .yaml, .safetensors, .npz or .npy."
        : " is not a file; name a file.";
  }

  private String extension() {
    var name = file.toString();
    return name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
  }
}
