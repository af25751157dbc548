package dev.tenon.training.data;

import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;

/**
 * NABirds (Van Horn and others, 2015): 555 kinds of birds, 23,929 and 24,633 images. Its class numbers also
 * count inner nodes of the hierarchy; the ones in use become labels in ascending order.
 */
public record NabirdsSource(Path root) implements DataSource {
  @Override
  public TaskData load(String taskName) {
    Folder folder = Folder.of("NABirds with images.txt", root, "nabirds");
    Table classOf = Table.keyFirst(folder.file("image_class_labels.txt"));
    List<String> used = classOf.rows().keySet().stream()
        .map(classOf::number)
        .distinct()
        .sorted(Comparator.naturalOrder())
        .map(String::valueOf)
        .toList();
    return BirdLists.load(taskName, folder, used, Table.keyFirst(folder.file("classes.txt")));
  }
}
