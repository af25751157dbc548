package dev.tenon.training.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.Device;
import dev.tenon.engine.Scope;
import dev.tenon.engine.TenonException;
import dev.tenon.training.method.Backbone;
import dev.tenon.training.model.TrainedModel;
import dev.tenon.training.recipe.Recipe;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A saved model does exactly as well as the run that saved it said. */
class SavedEvaluationTest {
  @TempDir private Path root;
  private TinyRun tiny;
  private Recipe recipe;
  private RunResult result;

  @BeforeEach
  void train() {
    tiny = TinyRun.create(root);
    recipe = tiny.recipe("run", TinyRun.EMTAL);
    result = TinyRun.train(recipe, RunFolder.Start.FRESH);
  }

  @Test
  void theMergedModelAndTheAdapterDoAsTheRunSaid() {
    try (Backend backend = Backends.open(Device.CPU); Scope _ = Scope.open(backend)) {
      TrainedModel merged = TrainedModel.load(result.folder().model());
      TrainedModel adapted =
          TrainedModel.load(result.folder().adapter(), Backbone.load(recipe.model(), recipe.seed()));

      assertThat(SavedEvaluation.of(merged, recipe).evaluation().mean()).isCloseTo(result.mean(), within(1e-12));
      assertThat(SavedEvaluation.of(adapted, recipe).evaluation().mean()).isCloseTo(result.mean(), within(1e-12));
    }
  }

  @Test
  void theOrderOfTasksInTheDataDoesNotMatter() {
    Recipe turned = tiny.recipe("run", TinyRun.EMTAL, "data.tasks=[shade, hue]");
    try (Backend backend = Backends.open(Device.CPU); Scope _ = Scope.open(backend)) {
      TrainedModel merged = TrainedModel.load(result.folder().model());

      assertThat(SavedEvaluation.of(merged, turned)).usingRecursiveComparison()
          .isEqualTo(SavedEvaluation.of(merged, recipe));
    }
  }

  @Test
  void dataOfOtherTasksOrClassesAreRefused() {
    try (Backend backend = Backends.open(Device.CPU); Scope _ = Scope.open(backend)) {
      TrainedModel merged = TrainedModel.load(result.folder().model());
      Recipe one = tiny.recipe("run", TinyRun.EMTAL, "data.tasks=[hue]");
      assertThatThrownBy(() -> SavedEvaluation.of(merged, one))
          .isInstanceOf(TenonException.class).hasMessageContainingAll("'shade'", "only hue");

      tiny.write("data/hue/train/violet/1.ppm", 1, 2, 3, 4);
      assertThatThrownBy(() -> SavedEvaluation.of(merged, recipe))
          .isInstanceOf(TenonException.class).hasMessageContainingAll("'hue'", "violet", "are not the model's");
    }
  }
}
