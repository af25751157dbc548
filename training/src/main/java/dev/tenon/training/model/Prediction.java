package dev.tenon.training.model;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * What a network says about one image, task by task.
 *
 * @param tasks in union order
 */
public record Prediction(List<Answer> tasks) {
  /**
   * One task's answer.
   *
   * @param share probability, over the classes of all tasks, that the image shows a class of this one
   * @param guesses all classes of the task, most likely first
   */
  public record Answer(String task, double share, List<Guess> guesses) {
    public Answer {
      guesses = List.copyOf(guesses);
    }

    /** The most likely class. */
    public Guess best() {
      return guesses.getFirst();
    }
  }

  /**
   * A class.
   *
   * @param probability among the classes of its task
   */
  public record Guess(String label, double probability) {}

  public Prediction {
    tasks = List.copyOf(tasks);
  }

  /** The answer of the task that the image most likely belongs to. */
  public Answer likeliest() {
    return tasks.stream().max(Comparator.comparingDouble(Answer::share)).orElseThrow();
  }

  /** From the outputs of a head over {@code tasks}. */
  static Prediction of(List<ModelCard.Task> tasks, float[] logits) {
    double highest = max(logits, 0, logits.length);
    double all = sumOfExp(logits, 0, logits.length, highest);
    List<Answer> answers = new ArrayList<>();
    int from = 0;
    for (ModelCard.Task task : tasks) {
      int to = from + task.classes().size();
      double own = max(logits, from, to);
      double sum = sumOfExp(logits, from, to, own);
      List<Guess> guesses = new ArrayList<>();
      for (int c = from; c < to; c++) {
        guesses.add(new Guess(task.classes().get(c - from), Math.exp(logits[c] - own) / sum));
      }
      guesses.sort(Comparator.comparingDouble(Guess::probability).reversed());
      answers.add(new Answer(task.name(), Math.exp(own - highest) * sum / all, guesses));
      from = to;
    }
    return new Prediction(answers);
  }

  private static double max(float[] logits, int from, int to) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = from; i < to; i++) {
      max = Math.max(max, logits[i]);
    }
    return max;
  }

  private static double sumOfExp(float[] logits, int from, int to, double max) {
    double sum = 0;
    for (int i = from; i < to; i++) {
      sum += Math.exp(logits[i] - max);
    }
    return sum;
  }
}
