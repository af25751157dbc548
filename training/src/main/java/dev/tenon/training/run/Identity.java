package dev.tenon.training.run;

import dev.tenon.engine.TenonException;
import dev.tenon.model.Weights;
import dev.tenon.training.checkpoint.Checkpoint;
import dev.tenon.training.data.MultiTask;
import dev.tenon.training.model.BaseHash;
import dev.tenon.training.recipe.Recipe;
import dev.tenon.training.recipe.RecipeDifference;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * What must be the same in both halves of an interrupted run for them to make up the run that was never interrupted.
 *
 * @param recipe of the run
 * @param weights {@link BaseHash} of the pretrained network, wherever its file lies now
 * @param data tasks with their classes and numbers of images, wherever they lie now
 */
record Identity(Recipe recipe, String weights, String data) {
  private static final String RECIPE = "recipe";
  private static final String WEIGHTS = "base_weights";
  private static final String DATA = "data";
  /** Keys that say where and how to compute, not what. */
  private static final List<String> IRRELEVANT =
      List.of("name", "device", "threads", "model.weights", "data.root", "data.workers", "data.cache-mb", "output.");

  static Identity of(Recipe recipe, Weights pretrained, MultiTask data) {
    return new Identity(recipe, BaseHash.of(pretrained), describe(data));
  }

  void put(Checkpoint checkpoint) {
    checkpoint.put(RECIPE, recipe.toYaml());
    checkpoint.put(WEIGHTS, weights);
    checkpoint.put(DATA, data);
  }

  /**
   * Refuses a checkpoint of another run.
   *
   * @throws TenonException naming what differs
   */
  void require(Checkpoint checkpoint, RunFolder folder) {
    Recipe begun = Recipe.parse(folder.checkpoint().toString(), checkpoint.fact(RECIPE), List.of());
    RecipeDifference.between(begun, recipe, key -> IRRELEVANT.stream().noneMatch(key::startsWith)).ifPresent(d -> {
      throw new TenonException("the run in " + folder.dir() + " was begun with " + d.key() + " = " + said(d.first()) + ", now it is "
          + said(d.second()) + "; resume with the recipe in " + folder.recipe() + " or start another run");
    });
    checkpoint.require(DATA, data, "data set");
    checkpoint.require(WEIGHTS, weights, "pretrained network than model.weights names");
  }

  private static String said(String value) {
    return value.isEmpty() ? "not given" : value;
  }

  private static String describe(MultiTask data) {
    return data.tasks().stream()
        .map(task -> String.format(Locale.ROOT, "%s: %d classes (%08x), %d training and %d test images", task.name(),
            task.classes().size(), task.classes().hashCode(), task.train().size(), task.test().size()))
        .collect(Collectors.joining("; "));
  }
}
