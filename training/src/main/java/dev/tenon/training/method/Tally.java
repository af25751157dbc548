package dev.tenon.training.method;

import dev.tenon.training.data.Batch;
import dev.tenon.training.data.MultiTask;
import java.util.Arrays;
import java.util.List;

/** Counts right answers over the test images of one task. */
public final class Tally {
  private final int union;
  private final int offset;
  private final int classes;
  private final Integer[] classCorrect;
  private final Integer[] classImages;
  private int correct;
  private int masked;
  private int count;

  /** Nothing seen of {@code task} yet. */
  public Tally(MultiTask data, int task) {
    this.union = data.classCount();
    this.offset = data.offset(task);
    this.classes = data.tasks().get(task).classes().size();
    this.classCorrect = new Integer[classes];
    this.classImages = new Integer[classes];
    Arrays.fill(classCorrect, 0);
    Arrays.fill(classImages, 0);
  }

  /**
   * Counts the answers to one batch of the task.
   *
   * @param logits [count, classes of the union], row-major
   */
  public void add(Batch batch, float[] logits) {
    for (int s = 0; s < batch.count(); s++) {
      int row = s * union;
      int label = batch.labels()[s];
      boolean right = best(logits, row, row + union) - row == label;
      correct += right ? 1 : 0;
      masked += best(logits, row + offset, row + offset + classes) - row == label ? 1 : 0;
      classCorrect[label - offset] += right ? 1 : 0;
      classImages[label - offset]++;
      count++;
    }
  }

  /** What was counted so far. */
  public Evaluation.Task result() {
    return new Evaluation.Task(count, correct, masked, List.of(classCorrect), List.of(classImages));
  }

  /** The first place of the highest value in {@code from} (inclusive) to {@code to} (exclusive). */
  public static int best(float[] values, int from, int to) {
    int best = from;
    for (int i = from + 1; i < to; i++) {
      best = values[i] > values[best] ? i : best;
    }
    return best;
  }
}
