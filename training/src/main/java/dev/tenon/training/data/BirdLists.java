package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The list files that CUB-200-2011 and NABirds share: images, their classes and their split, by image number. */
final class BirdLists {
  private static final String TRAIN = "1";

  private BirdLists() {}

  /**
   * @param classIds class numbers as in {@code image_class_labels.txt}, in the order of labels
   * @param classNames names by class number
   */
  static TaskData load(String taskName, Folder folder, List<String> classIds, Table classNames) {
    Table images = Table.keyFirst(folder.file("images.txt"));
    Table classOf = Table.keyFirst(folder.file("image_class_labels.txt"));
    Table splitOf = Table.keyFirst(folder.file("train_test_split.txt"));
    folder.folder("images");
    Map<String, Integer> labels = new HashMap<>();
    for (String id : classIds) {
      labels.put(id, labels.size());
    }
    List<Sample> train = new ArrayList<>();
    List<Sample> test = new ArrayList<>();
    images.rows().forEach((id, path) -> {
      Integer label = labels.get(classOf.text(id));
      if (label == null) {
        throw new TenonException(classOf.file() + ": image '" + id + "' has the class '" + classOf.text(id)
            + "', which classes.txt does not know; replace both by the originals");
      }
      SampleImage image = folder.image("images/" + path, images.file());
      (splitOf.text(id).equals(TRAIN) ? train : test).add(new Sample(image, label));
    });
    List<String> names = classIds.stream().map(classNames::text).toList();
    return new TaskData(taskName, names, train, test).requireEveryClassInTraining();
  }
}
