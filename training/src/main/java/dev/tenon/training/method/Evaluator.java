package dev.tenon.training.method;

import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.training.data.Batch;
import dev.tenon.training.data.BatchLoader;
import dev.tenon.training.data.ImageCache;
import dev.tenon.training.data.LoaderOptions;
import dev.tenon.training.data.MultiTask;
import dev.tenon.training.data.UnionSample;
import dev.tenon.training.image.Preprocessing;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** Measures a network on the test images of all tasks; the answer is the first of the highest logits. */
public record Evaluator(MultiTask data, Preprocessing preprocessing, ImageCache images, LoaderOptions options) {
  /**
   * Runs all test images through {@code network}.
   *
   * @param network images [B, 3, S, S] → logits [B, classes]
   */
  public Evaluation run(UnaryOperator<Tensor> network) {
    List<Evaluation.Task> tasks = new ArrayList<>();
    for (int task = 0; task < data.tasks().size(); task++) {
      Tally tally = new Tally(data, task);
      forEachBatch(data.test(task), batch -> tally.add(batch, logits(batch, network)));
      tasks.add(tally.result());
    }
    return new Evaluation(tasks);
  }

  /** Hands over {@code samples} in order, a batch at a time. */
  public void forEachBatch(List<UnionSample> samples, Consumer<Batch> use) {
    try (var loader = new BatchLoader(samples, preprocessing, images, options)) {
      for (Iterator<Batch> batches = loader.epoch(0); batches.hasNext(); ) {
        use.accept(batches.next());
      }
    }
  }

  /** What {@code network} says of a batch, [count, classes] row-major. */
  public static float[] logits(Batch batch, UnaryOperator<Tensor> network) {
    try (Scope _ = Scope.open(); Tape _ = Tape.pause()) {
      return network.apply(images(batch)).toFloats();
    }
  }

  /** A batch's images as a tensor [B, 3, S, S] in the current scope. */
  public static Tensor images(Batch batch) {
    return feed(batch).tensor();
  }

  /** A batch's images, [B, 3, S, S]. */
  static Feed feed(Batch batch) {
    long side = Math.round(Math.sqrt(batch.pixels().length / 3.0 / batch.count()));
    return Feed.of(batch.pixels(), batch.count(), 3, side, side);
  }
}
