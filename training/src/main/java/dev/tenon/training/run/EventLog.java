package dev.tenon.training.run;

import dev.tenon.training.data.MultiTask;
import dev.tenon.training.data.TaskData;
import dev.tenon.training.method.Evaluation;
import dev.tenon.training.report.MetricsLog;
import dev.tenon.training.report.TensorBoardWriter;
import java.time.InstantSource;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** Writes a run's events to its metrics log, which {@link History} reads back, and for TensorBoard. */
final class EventLog implements Consumer<RunEvent>, AutoCloseable {
  private final List<String> tasks;
  private final MetricsLog metrics;
  private final Optional<TensorBoardWriter> board;

  /**
   * The log of a run that has made {@code steps} steps; what an earlier process logged beyond them is cut off.
   *
   * @param resumed whether there was an earlier process
   * @param board whether to write for TensorBoard
   */
  EventLog(RunFolder folder, MultiTask data, boolean resumed, long steps, boolean board) {
    this.tasks = data.tasks().stream().map(TaskData::name).toList();
    this.metrics = resumed ? MetricsLog.resume(folder.metrics(), steps) : MetricsLog.create(folder.metrics());
    this.board = board ? Optional.of(board(folder, resumed, steps)) : Optional.empty();
  }

  private static TensorBoardWriter board(RunFolder folder, boolean resumed, long steps) {
    return resumed
        ? TensorBoardWriter.resume(folder.dir(), InstantSource.system(), steps)
        : TensorBoardWriter.create(folder.dir(), InstantSource.system());
  }

  @Override
  public void accept(RunEvent event) {
    metrics.write(event.step(), values(event));
    board.ifPresent(b -> scalars(event).forEach((tag, value) -> b.scalar(tag, event.step(), value)));
  }

  private Map<String, Object> values(RunEvent event) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put(History.EPOCH, event.epoch());
    switch (event) {
      case RunEvent.Stepped s -> {
        values.put(History.LOSS, s.values().loss());
        values.put(History.CROSS_ENTROPY, s.values().crossEntropy());
        values.put(History.DISTILLATION, s.values().distillation());
        values.put(History.ALPHA, s.values().alpha());
        values.put(History.LR, s.lr());
        if (!Double.isNaN(s.values().gradientNorm())) {
          values.put(History.GRADIENT_NORM, s.values().gradientNorm());
        }
        values.put(History.TASK_LOSS, s.values().taskLoss());
      }
      case RunEvent.Evaluated e -> {
        values.put(History.MEAN, e.evaluation().mean());
        values.put(History.EVALUATION, e.evaluation().tasks().stream().map(EventLog::task).toList());
      }
      case RunEvent.Routed r -> values.put(History.ROUTING, r.shares());
    }
    return values;
  }

  private static Map<String, Object> task(Evaluation.Task task) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put(History.IMAGES, task.images());
    values.put(History.CORRECT, task.correct());
    values.put(History.MASKED_CORRECT, task.maskedCorrect());
    values.put(History.CLASS_CORRECT, task.classCorrect());
    values.put(History.CLASS_IMAGES, task.classImages());
    return values;
  }

  private Map<String, Double> scalars(RunEvent event) {
    Map<String, Double> scalars = new LinkedHashMap<>();
    switch (event) {
      case RunEvent.Stepped s -> {
        scalars.put("train/loss", s.values().loss());
        scalars.put("train/cross_entropy", s.values().crossEntropy());
        scalars.put("train/distillation", s.values().distillation());
        scalars.put("schedule/alpha", s.values().alpha());
        scalars.put("schedule/lr", s.lr());
        for (int t = 0; t < s.values().taskLoss().size(); t++) {
          scalars.put("task_loss/" + tasks.get(t), s.values().taskLoss().get(t));
        }
      }
      case RunEvent.Evaluated e -> {
        scalars.put("accuracy/mean", e.evaluation().mean());
        for (int t = 0; t < tasks.size(); t++) {
          scalars.put("accuracy/" + tasks.get(t), e.evaluation().tasks().get(t).accuracy());
          scalars.put("accuracy_own_classes/" + tasks.get(t), e.evaluation().tasks().get(t).maskedAccuracy());
        }
      }
      case RunEvent.Routed _ -> {
        // A matrix, which TensorBoard has no curve for; the report draws it.
      }
    }
    return scalars;
  }

  @Override
  public void close() {
    metrics.close();
    board.ifPresent(TensorBoardWriter::close);
  }
}
