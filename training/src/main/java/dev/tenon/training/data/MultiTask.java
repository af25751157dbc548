package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Several tasks under one head: the classes of all tasks stand one after the other in a union label space
 * (EMTAL, section 3.2).
 */
public record MultiTask(List<TaskData> tasks) {
  /**
   * @throws TenonException when there is no task, or two share a name
   */
  public MultiTask {
    tasks = List.copyOf(tasks);
    if (tasks.isEmpty()) {
      throw new TenonException("there is no task to learn; name at least one under data.tasks");
    }
    Set<String> names = new HashSet<>();
    for (TaskData task : tasks) {
      if (!names.add(task.name())) {
        throw new TenonException("two tasks are called '" + task.name() + "'; rename one of them");
      }
    }
  }

  /** Number of classes of all tasks together. */
  public int classCount() {
    return offset(tasks.size());
  }

  /** The union label of the first class of {@code task}. */
  public int offset(int task) {
    int offset = 0;
    for (TaskData before : tasks.subList(0, task)) {
      offset += before.classes().size();
    }
    return offset;
  }

  /** The task that the class with {@code unionLabel} belongs to. */
  public int taskOf(int unionLabel) {
    int task = 0;
    while (unionLabel >= offset(task + 1)) {
      task++;
    }
    return task;
  }

  /** The name of the class with {@code unionLabel}, without its task's name. */
  public String className(int unionLabel) {
    int task = taskOf(unionLabel);
    return tasks.get(task).classes().get(unionLabel - offset(task));
  }

  /** All training images, task after task. */
  public List<UnionSample> train() {
    List<UnionSample> all = new ArrayList<>();
    for (int task = 0; task < tasks.size(); task++) {
      all.addAll(inUnion(task, tasks.get(task).train()));
    }
    return all;
  }

  /** The training images of one task. */
  public List<UnionSample> train(int task) {
    return inUnion(task, tasks.get(task).train());
  }

  /** The test images of one task. */
  public List<UnionSample> test(int task) {
    return inUnion(task, tasks.get(task).test());
  }

  /** Up to {@code most} test images of one task, evenly spread over its classes. */
  public List<UnionSample> someTest(int task, int most) {
    List<UnionSample> all = test(task);
    int count = Math.min(most, all.size());
    return IntStream.range(0, count).mapToObj(i -> all.get((int) ((i + 0.5) * all.size() / count))).toList();
  }

  /** Every task with {@code shots} training images of each class. */
  public MultiTask fewShot(int shots, long seed) {
    return new MultiTask(tasks.stream().map(task -> task.fewShot(shots, seed)).toList());
  }

  private List<UnionSample> inUnion(int task, List<Sample> samples) {
    int offset = offset(task);
    return samples.stream()
        .map(sample -> new UnionSample(sample.image(), task, offset + sample.label()))
        .toList();
  }
}
