package dev.tenon.training.method;

import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.training.data.Batch;
import dev.tenon.training.data.BatchLoader;
import dev.tenon.training.data.ImageCache;
import dev.tenon.training.data.LoaderOptions;
import dev.tenon.training.data.MultiTask;
import dev.tenon.training.image.Preprocessing;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
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
      tasks.add(task(task, network));
    }
    return new Evaluation(tasks);
  }

  private Evaluation.Task task(int task, UnaryOperator<Tensor> network) {
    int offset = data.offset(task);
    int classes = data.tasks().get(task).classes().size();
    int union = data.classCount();
    Integer[] classCorrect = new Integer[classes];
    Integer[] classImages = new Integer[classes];
    Arrays.fill(classCorrect, 0);
    Arrays.fill(classImages, 0);
    int correct = 0;
    int masked = 0;
    int count = 0;
    try (var loader = new BatchLoader(data.test(task), preprocessing, images, options)) {
      for (Iterator<Batch> batches = loader.epoch(0); batches.hasNext(); ) {
        Batch batch = batches.next();
        float[] logits = logits(batch, network);
        for (int s = 0; s < batch.count(); s++) {
          int label = batch.labels()[s];
          boolean right = best(logits, s * union, s * union + union) - s * union == label;
          correct += right ? 1 : 0;
          masked += best(logits, s * union + offset, s * union + offset + classes) - s * union == label ? 1 : 0;
          classCorrect[label - offset] += right ? 1 : 0;
          classImages[label - offset]++;
          count++;
        }
      }
    }
    return new Evaluation.Task(count, correct, masked, List.of(classCorrect), List.of(classImages));
  }

  private static float[] logits(Batch batch, UnaryOperator<Tensor> network) {
    try (Scope _ = Scope.open(); Tape _ = Tape.pause()) {
      return network.apply(images(batch)).toFloats();
    }
  }

  /** A batch's images as a tensor [B, 3, S, S] in the current scope. */
  static Tensor images(Batch batch) {
    long side = Math.round(Math.sqrt(batch.pixels().length / 3.0 / batch.count()));
    return Tensor.of(batch.pixels(), Shape.of(batch.count(), 3, side, side).toArray());
  }

  private static int best(float[] values, int from, int to) {
    int best = from;
    for (int i = from + 1; i < to; i++) {
      best = values[i] > values[best] ? i : best;
    }
    return best;
  }
}
