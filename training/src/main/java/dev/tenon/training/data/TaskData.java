package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.random.Philox;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * One classification task: its classes and its labeled images. An instance is usable: both splits have images
 * and every label names a class.
 *
 * @param name as in recipes and reports
 * @param classes names, by label
 */
public record TaskData(String name, List<String> classes, List<Sample> train, List<Sample> test) {
  /**
   * @throws TenonException when a split is empty or a label is out of range
   */
  public TaskData {
    classes = List.copyOf(classes);
    train = checked(name, "training", train, classes.size());
    test = checked(name, "test", test, classes.size());
  }

  private static List<Sample> checked(String name, String split, List<Sample> samples, int classes) {
    if (samples.isEmpty()) {
      throw new TenonException("task '" + name + "' has no " + split + " images; add some or drop the task");
    }
    for (Sample sample : samples) {
      if (sample.label() < 0 || sample.label() >= classes) {
        throw new TenonException("task '" + name + "': " + sample.image().name() + " has the label "
            + sample.label() + ", outside 0 to " + (classes - 1) + "; correct the data set's label file");
      }
    }
    return List.copyOf(samples);
  }

  /**
   * This task, once it is sure that every class can be learned.
   *
   * @throws TenonException when a class has no training image
   */
  TaskData requireEveryClassInTraining() {
    int[] train = counts(this.train);
    int[] test = counts(this.test);
    for (int label = 0; label < train.length; label++) {
      if (train[label] == 0) {
        String where = test[label] > 0 ? " has test images but no training images" : " has no images";
        throw new TenonException("task '" + name + "': class '" + classes.get(label) + "'" + where
            + "; add training images or remove the class");
      }
    }
    return this;
  }

  private int[] counts(List<Sample> samples) {
    int[] counts = new int[classes.size()];
    for (Sample sample : samples) {
      counts[sample.label()]++;
    }
    return counts;
  }

  /**
   * The task with {@code shots} training images of each class, drawn by {@code seed}; test images stay.
   *
   * @throws TenonException when a class has fewer
   */
  public TaskData fewShot(int shots, long seed) {
    List<List<Sample>> byClass = new ArrayList<>();
    classes.forEach(_ -> byClass.add(new ArrayList<>()));
    train.forEach(sample -> byClass.get(sample.label()).add(sample));
    Philox random = Philox.of(seed).split("few-shot").split(name);
    List<Sample> drawn = new ArrayList<>();
    for (int label = 0; label < classes.size(); label++) {
      List<Sample> all = byClass.get(label);
      if (all.size() < shots) {
        throw new TenonException("task '" + name + "': class '" + classes.get(label) + "' has " + all.size()
            + " training images, fewer than the " + shots + " shots asked for; ask for fewer");
      }
      int[] chosen = Arrays.copyOf(random.split(label).permutation(all.size()), shots);
      Arrays.sort(chosen);
      for (int i : chosen) {
        drawn.add(all.get(i));
      }
    }
    return new TaskData(name, classes, drawn, test);
  }
}
