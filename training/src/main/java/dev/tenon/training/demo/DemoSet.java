package dev.tenon.training.demo;

import dev.tenon.engine.TenonException;
import java.util.List;

/**
 * How many images of a task there are; the classes take turns, so that their numbers differ by one at most.
 *
 * @param task what the images are of
 * @param train number of images to learn from
 * @param test number of images to be judged by
 */
public record DemoSet(DemoTask task, int train, int test) {

  /**
   * Checks that every class occurs.
   *
   * @throws TenonException when a split has fewer images than the task has classes
   */
  public DemoSet {
    int classes = task.classes().size();
    if (train < classes || test < classes) {
      throw new TenonException("task " + task.title() + " has " + classes + " classes and cannot be shown"
          + " with " + train + " training and " + test + " test images; ask for at least one a class");
    }
  }

  /** Enough to pretrain on, then few and unevenly many of the tasks to adapt to. */
  public static List<DemoSet> defaults() {
    return List.of(
        new DemoSet(DemoTask.FORMS, 8400, 560),
        new DemoSet(DemoTask.POINTS, 360, 360),
        new DemoSet(DemoTask.GRAIN, 300, 360),
        new DemoSet(DemoTask.COUNT, 300, 360),
        new DemoSet(DemoTask.COLOR, 240, 360),
        new DemoSet(DemoTask.PAIR, 600, 400));
  }

  /** Number of images of a split. */
  public int images(DemoWorld.Split split) {
    return switch (split) {
      case TRAIN -> train;
      case TEST -> test;
    };
  }
}
