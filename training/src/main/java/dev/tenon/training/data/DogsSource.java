package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/** Stanford Dogs (Khosla and others, 2011): 120 breeds, 12,000 and 8,580 images. */
public record DogsSource(Path root) implements DataSource {
  @Override
  public TaskData load(String taskName) {
    Folder folder = Folder.of("Stanford Dogs with train_list.mat, test_list.mat and Images/", root);
    folder.folder("Images");
    var names = new TreeMap<Integer, String>();
    List<Sample> train = samples(folder, "train_list.mat", names);
    List<Sample> test = samples(folder, "test_list.mat", names);
    List<String> classes = new ArrayList<>();
    for (int label = 0; label <= names.lastKey(); label++) {
      classes.add(names.getOrDefault(label, String.valueOf(label + 1)));
    }
    return new TaskData(taskName, classes, train, test).requireEveryClassInTraining();
  }

  private static List<Sample> samples(Folder folder, String listName, TreeMap<Integer, String> names) {
    Path list = folder.file(listName);
    MatFile mat = MatFile.open(list);
    String[] files = mat.texts("file_list");
    int[] labels = mat.numbers("labels");
    if (files.length != labels.length || files.length == 0) {
      throw new TenonException(list + ": lists " + files.length + " images and " + labels.length
          + " labels; replace it by the original");
    }
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < files.length; i++) {
      samples.add(new Sample(folder.image("Images/" + files[i], list), labels[i] - 1));
      names.put(labels[i] - 1, breed(files[i]));
    }
    return samples;
  }

  /** {@code n02085620-Chihuahua/n02085620_5927.jpg} shows a Chihuahua. */
  private static String breed(String path) {
    String folder = path.substring(0, Math.max(0, path.indexOf('/')));
    return folder.substring(folder.indexOf('-') + 1);
  }
}
