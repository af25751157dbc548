package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/**
 * The Describable Textures Dataset (Cimpoi and others, 2014), first of its ten splits: 47 classes, 3,760
 * (training and validation) and 1,880 images.
 */
public record DtdSource(Path root) implements DataSource {
  @Override
  public TaskData load(String taskName) {
    Folder folder = Folder.of("DTD with labels/ and images/", root, "dtd");
    Path trainList = folder.file("labels/train1.txt");
    Path validationList = folder.file("labels/val1.txt");
    Path testList = folder.file("labels/test1.txt");
    var names = new TreeSet<String>();
    for (Path list : List.of(trainList, validationList, testList)) {
      Folder.lines(list).forEach(path -> names.add(className(path, list)));
    }
    List<String> classes = List.copyOf(names);
    List<Sample> train = new ArrayList<>(samples(folder, trainList, classes));
    train.addAll(samples(folder, validationList, classes));
    return new TaskData(taskName, classes, train, samples(folder, testList, classes))
        .requireEveryClassInTraining();
  }

  private static List<Sample> samples(Folder folder, Path list, List<String> classes) {
    return Folder.lines(list).stream()
        .map(path -> new Sample(folder.image("images/" + path, list), classes.indexOf(className(path, list))))
        .toList();
  }

  private static String className(String path, Path list) {
    int slash = path.indexOf('/');
    if (slash <= 0) {
      throw new TenonException(
          list + ": the line '" + path + "' is not <class>/<image>; replace the file by the original");
    }
    return path.substring(0, slash);
  }
}
