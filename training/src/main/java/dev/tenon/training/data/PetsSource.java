package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/** Oxford-IIIT Pets (Parkhi and others, 2012): 37 breeds, 3,680 and 3,669 images. */
public record PetsSource(Path root) implements DataSource {
  @Override
  public TaskData load(String taskName) {
    Folder folder = Folder.of("Oxford-IIIT Pets with annotations/ and images/", root);
    folder.folder("images");
    var names = new TreeMap<Integer, String>();
    List<Sample> train = samples(folder, "annotations/trainval.txt", names);
    List<Sample> test = samples(folder, "annotations/test.txt", names);
    List<String> classes = new ArrayList<>();
    for (int label = 0; label <= names.lastKey(); label++) {
      classes.add(names.getOrDefault(label, String.valueOf(label + 1)));
    }
    return new TaskData(taskName, classes, train, test).requireEveryClassInTraining();
  }

  /** Lines are {@code <image> <class> <species> <breed>}; the image is named after its class. */
  private static List<Sample> samples(Folder folder, String listName, TreeMap<Integer, String> names) {
    Path list = folder.file(listName);
    List<Sample> samples = new ArrayList<>();
    for (String line : Folder.lines(list)) {
      if (line.startsWith("#")) {
        continue;
      }
      String[] words = line.split("\\s+", 3);
      if (words.length < 2 || !words[1].matches("[1-9]\\d{0,3}")) {
        throw new TenonException(list + ": the line '" + line
            + "' does not hold an image and its class number; replace the file by the original");
      }
      int label = Integer.parseInt(words[1]) - 1;
      samples.add(new Sample(folder.image("images/" + words[0] + ".jpg", list), label));
      names.put(label, words[0].replaceFirst("_\\d+$", ""));
    }
    if (samples.isEmpty()) {
      throw new TenonException(list + ": the file is empty; replace it by the original");
    }
    return samples;
  }
}
