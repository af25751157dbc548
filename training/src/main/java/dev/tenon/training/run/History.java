package dev.tenon.training.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.tenon.engine.TenonException;
import dev.tenon.training.method.Evaluation;
import dev.tenon.training.method.Training;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * All that a run has told, read back from its metrics log; so the report of a resumed run knows the steps of the processes before.
 *
 * @param steps in order, as are the others
 */
record History(List<RunEvent.Stepped> steps, List<RunEvent.Evaluated> evaluations, List<RunEvent.Routed> routings) {
  static final String STEP = "step";
  static final String EPOCH = "epoch";
  static final String LOSS = "loss";
  static final String CROSS_ENTROPY = "cross_entropy";
  static final String DISTILLATION = "distillation";
  static final String ALPHA = "alpha";
  static final String LR = "lr";
  static final String GRADIENT_NORM = "gradient_norm";
  static final String TASK_LOSS = "task_loss";
  static final String MEAN = "mean";
  static final String EVALUATION = "evaluation";
  static final String IMAGES = "images";
  static final String CORRECT = "correct";
  static final String MASKED_CORRECT = "masked_correct";
  static final String CLASS_CORRECT = "class_correct";
  static final String CLASS_IMAGES = "class_images";
  static final String ROUTING = "routing";

  private static final JsonMapper JSON = new JsonMapper();

  /**
   * Reads a metrics log.
   *
   * @throws TenonException when it is missing or damaged
   */
  static History read(Path metrics) {
    History history = new History(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    try {
      for (String line : Files.readAllLines(metrics)) {
        history.add(JSON.readTree(line));
      }
    } catch (JsonProcessingException e) {
      throw new TenonException(metrics + ": this is not a metrics log (" + e.getOriginalMessage() + "); restore or remove it", e);
    } catch (IOException e) {
      throw new TenonException(metrics + ": the metrics log cannot be read (" + e + "); restore it", e);
    }
    return history;
  }

  private void add(JsonNode line) {
    long step = line.path(STEP).asLong();
    double epoch = line.path(EPOCH).asDouble();
    if (line.has(EVALUATION)) {
      List<Evaluation.Task> tasks = new ArrayList<>();
      line.path(EVALUATION).forEach(task -> tasks.add(task(task)));
      evaluations.add(new RunEvent.Evaluated(step, epoch, new Evaluation(tasks)));
    } else if (line.has(ROUTING)) {
      List<List<Double>> shares = new ArrayList<>();
      line.path(ROUTING).forEach(block -> shares.add(doubles(block)));
      routings.add(new RunEvent.Routed(step, epoch, shares));
    } else {
      var values = new Training.Step(
          line.path(LOSS).asDouble(),
          line.path(CROSS_ENTROPY).asDouble(),
          line.path(DISTILLATION).asDouble(),
          line.path(ALPHA).asDouble(),
          line.path(GRADIENT_NORM).asDouble(Double.NaN),
          doubles(line.path(TASK_LOSS)));
      steps.add(new RunEvent.Stepped(step, epoch, line.path(LR).asDouble(), values));
    }
  }

  private static Evaluation.Task task(JsonNode task) {
    return new Evaluation.Task(
        task.path(IMAGES).asInt(),
        task.path(CORRECT).asInt(),
        task.path(MASKED_CORRECT).asInt(),
        doubles(task.path(CLASS_CORRECT)).stream().map(Double::intValue).toList(),
        doubles(task.path(CLASS_IMAGES)).stream().map(Double::intValue).toList());
  }

  private static List<Double> doubles(JsonNode array) {
    List<Double> values = new ArrayList<>();
    array.forEach(value -> values.add(value.asDouble()));
    return values;
  }

  /** The earliest of the evaluations with the highest mean accuracy. */
  Optional<RunEvent.Evaluated> best() {
    return evaluations.stream().max(Comparator.<RunEvent.Evaluated>comparingDouble(e -> e.evaluation().mean())
        .thenComparing(Comparator.comparingLong(RunEvent.Evaluated::step).reversed()));
  }
}
