package dev.tenon.training.run;

import dev.tenon.engine.TenonException;
import dev.tenon.training.data.LoaderOptions;
import dev.tenon.training.data.MultiTask;
import dev.tenon.training.data.RecipeData;
import dev.tenon.training.data.TaskData;
import dev.tenon.training.method.Evaluation;
import dev.tenon.training.method.Evaluator;
import dev.tenon.training.model.ModelCard;
import dev.tenon.training.model.TrainedModel;
import dev.tenon.training.recipe.Recipe;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * How well a saved model does on test images that are prepared as its card says.
 *
 * @param data the tasks in the order of the model's outputs
 */
public record SavedEvaluation(MultiTask data, Evaluation evaluation) {
  /**
   * Measures {@code model}, in the current scope.
   *
   * @param recipe whose data are the test images of
   * @throws TenonException when the data are not of the model's tasks and classes
   */
  public static SavedEvaluation of(TrainedModel model, Recipe recipe) {
    ModelCard card = model.card();
    MultiTask data = inOrder(card, RecipeData.tasks(recipe.data(), card.input().imageSize()));
    var evaluator = new Evaluator(data, card.input().preprocessing(), card.input().images(),
        LoaderOptions.test(recipe.eval().batchSize(), recipe.data().workers()));
    return new SavedEvaluation(data, evaluator.run(images -> model.vit().forward(images, card.alpha())));
  }

  private static MultiTask inOrder(ModelCard card, MultiTask found) {
    List<TaskData> ordered = new ArrayList<>();
    for (ModelCard.Task task : card.tasks()) {
      TaskData data = found.tasks().stream().filter(t -> t.name().equals(task.name())).findFirst().orElseThrow(
          () -> new TenonException("the model answers task '" + task.name() + "', but the data hold only " + names(found)
              + "; give the data of all its tasks, under its names"));
      if (!data.classes().equals(task.classes())) {
        throw new TenonException("task '" + task.name() + "': the data's classes " + data.classes() + " are not the model's "
            + task.classes() + "; give data with the same class folders");
      }
      ordered.add(data);
    }
    return new MultiTask(ordered);
  }

  private static String names(MultiTask data) {
    return data.tasks().stream().map(TaskData::name).collect(Collectors.joining(", "));
  }
}
