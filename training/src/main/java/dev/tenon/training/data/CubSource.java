package dev.tenon.training.data;

import java.nio.file.Path;
import java.util.List;

/** CUB-200-2011 (Wah and others, 2011): 200 species of birds, 5,994 and 5,794 images. */
public record CubSource(Path root) implements DataSource {
  @Override
  public TaskData load(String taskName) {
    Folder folder = Folder.of("CUB-200-2011 with images.txt", root, "CUB_200_2011");
    Table names = Table.keyFirst(folder.file("classes.txt"));
    return BirdLists.load(taskName, folder, List.copyOf(names.rows().keySet()), names);
  }
}
