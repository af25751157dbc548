package dev.tenon.training.data;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A task of VTAB-1k (Zhai and others, 2019) as images with list files: training on the 1,000 images of {@code
 * train800val200.txt}, test on {@code test.txt}. Classes have numbers, no names, and not every class need be
 * among the 1,000.
 */
public record VtabSource(Path root) implements DataSource {
  @Override
  public TaskData load(String taskName) {
    Folder folder = Folder.of("a VTAB-1k task with train800val200.txt and test.txt", root);
    List<Sample> train = samples(folder, "train800val200.txt");
    List<Sample> test = samples(folder, "test.txt");
    int last = 0;
    for (List<Sample> split : List.of(train, test)) {
      for (Sample sample : split) {
        last = Math.max(last, sample.label());
      }
    }
    List<String> classes = IntStream.rangeClosed(0, last).mapToObj(String::valueOf).toList();
    return new TaskData(taskName, classes, train, test);
  }

  private static List<Sample> samples(Folder folder, String listName) {
    Table list = Table.keyBeforeLastSpace(folder.file(listName));
    List<Sample> samples = new ArrayList<>();
    for (String path : list.rows().keySet()) {
      samples.add(new Sample(folder.image(path, list.file()), list.number(path)));
    }
    return samples;
  }
}
