package dev.tenon.training.cli;

import dev.tenon.training.recipe.Recipe;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * The arguments by which a command names a recipe and what to change in it; a mixin for every command that
 * runs one.
 */
final class RecipeOptions {
  @Parameters(paramLabel = "RECIPE", description = "Recipe file, such as recipes/emtal-own-images.yaml.")
  private Path file;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Replace one value of the recipe, such as schedule.epochs=20. May be repeated.")
  private List<String> assignments = List.of();

  @Option(names = "--device", description = "Device to compute on, such as cpu or cuda:0.")
  private String device;

  @Option(names = "--precision", description = "How to compute: fp32, tf32 or bf16, which not every device can.")
  private String precision;

  @Option(names = "--threads", description = "Threads to compute with; 0 takes all cores.")
  private Integer threads;

  /** The recipe, checked. */
  Recipe load() {
    var all = new ArrayList<>(assignments);
    if (device != null) {
      all.add("device=" + device);
    }
    if (precision != null) {
      all.add("precision=" + precision);
    }
    if (threads != null) {
      all.add("threads=" + threads);
    }
    return Recipe.load(file, all);
  }
}
