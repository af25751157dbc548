package dev.tenon.training.run;

import dev.tenon.training.data.MultiTask;
import dev.tenon.training.method.Evaluation;
import dev.tenon.training.recipe.Recipe;
import dev.tenon.training.report.Progress;
import java.io.PrintStream;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Lets a person follow a run: how far it is, the loss, and each evaluation. */
final class Follower implements Consumer<RunEvent>, AutoCloseable {
  private final MultiTask data;
  private final int batchSize;
  private final Progress progress;

  /** Follows a run of {@code total} steps of which {@code done} are done. */
  Follower(PrintStream out, Recipe recipe, MultiTask data, long total, long done) {
    this.data = data;
    this.batchSize = recipe.data().batchSize();
    this.progress = Progress.start(out, recipe.name(), total * batchSize, done * batchSize);
  }

  @Override
  public void accept(RunEvent event) {
    switch (event) {
      case RunEvent.Stepped s -> progress.advance(batchSize, String.format(Locale.ROOT, "loss %.3f", s.values().loss()));
      case RunEvent.Evaluated e -> progress.say(line(e));
      case RunEvent.Routed _ -> {
        // Not for the eye of somebody who waits.
      }
    }
  }

  private String line(RunEvent.Evaluated event) {
    Evaluation evaluation = event.evaluation();
    String tasks = IntStream.range(0, evaluation.tasks().size())
        .mapToObj(t -> String.format(Locale.ROOT, "%s %.1f", data.tasks().get(t).name(), 100 * evaluation.tasks().get(t).accuracy()))
        .collect(Collectors.joining(", "));
    return String.format(Locale.ROOT, "epoch %.0f: accuracy %.1f %% (%s)", event.epoch(), 100 * evaluation.mean(), tasks);
  }

  @Override
  public void close() {
    progress.close();
  }
}
