package dev.tenon.training.method;

import java.util.List;

/**
 * How well a network did on the test images of every task. Shares are in [0, 1].
 *
 * @param tasks in union order
 */
public record Evaluation(List<Task> tasks) {
  /**
   * One task.
   *
   * @param correct answers right when any class of the union may be named
   * @param maskedCorrect answers right when only the task's own classes may be named
   * @param classCorrect of {@code correct}, by class of the task
   * @param classImages number of images, by class of the task
   */
  public record Task(int images, int correct, int maskedCorrect, List<Integer> classCorrect, List<Integer> classImages) {
    public double accuracy() {
      return (double) correct / images;
    }

    public double maskedAccuracy() {
      return (double) maskedCorrect / images;
    }
  }

  /** Accuracy of each task, in union order. */
  public List<Double> accuracies() {
    return tasks.stream().map(Task::accuracy).toList();
  }

  /** Mean over tasks of their accuracies, each task counting the same (EMTAL §3.1). */
  public double mean() {
    return tasks.stream().mapToDouble(Task::accuracy).average().orElseThrow();
  }
}
