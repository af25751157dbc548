package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * A user's own images, {@code <train|test>/<class>/<image>}; a folder {@code val} serves where there is no
 * {@code test}.
 */
public record FolderSource(Path root, ClassOrder order) implements DataSource {
  private static final Set<String> EXTENSIONS =
      Set.of("jpg", "jpeg", "png", "ppm", "bmp", "pgm", "tif", "tiff", "webp");

  /** The folders below {@code root} that hold a task each, by name. */
  public static List<String> tasksBelow(Path root) {
    Folder folder = Folder.of("a folder for each task, with train and test inside", root);
    List<String> tasks = Folder.entries(folder.root()).stream()
        .filter(entry -> Files.isDirectory(entry.resolve("train")))
        .map(entry -> entry.getFileName().toString())
        .sorted(ClassOrder.NATURAL.comparator())
        .toList();
    if (tasks.isEmpty()) {
      throw new TenonException(root
          + ": no task found; images belong in <task>/train/<class>/ and <task>/test/<class>/ below it");
    }
    return tasks;
  }

  @Override
  public TaskData load(String taskName) {
    Folder folder = Folder.of("images in train/<class>/ and test/<class>/", root);
    Path train = folder.folder("train");
    Path test = folder.folder(folder.has("test") || !folder.has("val") ? "test" : "val");
    List<String> classes = classes(train);
    for (String name : classes(test)) {
      if (!classes.contains(name)) {
        throw new TenonException(test.resolve(name) + ": class '" + name
            + "' has test images but no training images; add " + train.resolve(name) + " or remove it");
      }
    }
    return new TaskData(taskName, classes, samples(train, classes, true), samples(test, classes, false));
  }

  private List<String> classes(Path split) {
    Set<String> names = new TreeSet<>(order.comparator());
    for (Path entry : Folder.entries(split)) {
      if (Files.isDirectory(entry)) {
        names.add(entry.getFileName().toString());
      }
    }
    if (names.isEmpty()) {
      throw new TenonException(split + ": no class folders; put the images of each class in a folder of its own");
    }
    return List.copyOf(names);
  }

  private static List<Sample> samples(Path split, List<String> classes, boolean everyClass) {
    List<Sample> samples = new ArrayList<>();
    for (int label = 0; label < classes.size(); label++) {
      Path folder = split.resolve(classes.get(label));
      List<Path> images = Files.isDirectory(folder) ? images(folder) : List.of();
      if (images.isEmpty() && (everyClass || Files.isDirectory(folder))) {
        throw new TenonException(folder + ": no images in this class folder; add some ("
            + String.join(", ", new TreeSet<>(EXTENSIONS)) + ") or remove the folder");
      }
      for (Path image : images) {
        samples.add(new Sample(new SampleImage.OfFile(image), label));
      }
    }
    return samples;
  }

  /** Images at any depth, in an order that does not depend on the file system. */
  private static List<Path> images(Path folder) {
    Comparator<Path> order =
        Comparator.comparing(image -> folder.relativize(image).toString(), ClassOrder.NATURAL.comparator());
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(FolderSource::isImage).sorted(order).toList();
    } catch (IOException e) {
      throw new TenonException(folder + ": cannot be listed (" + e.getMessage() + "); check its permissions", e);
    }
  }

  private static boolean isImage(Path file) {
    String name = file.getFileName().toString();
    String extension = name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
    return !name.startsWith(".") && EXTENSIONS.contains(extension) && Files.isRegularFile(file);
  }
}
