package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The root of a data set as its authors publish it: finds files and folders in it, or says which one is
 * missing and what it should be.
 *
 * @param kind what the data set is called in messages
 */
record Folder(String kind, Path root) {
  /** The folder {@code name}, or its child of the published name when the user pointed one level up. */
  static Folder of(String kind, Path root, String publishedName) {
    Path inner = root.resolve(publishedName);
    return new Folder(kind, Files.isDirectory(inner) ? inner : root).existing();
  }

  static Folder of(String kind, Path root) {
    return new Folder(kind, root).existing();
  }

  private Folder existing() {
    if (!Files.isDirectory(root)) {
      throw new TenonException(root + ": no such folder; it should hold " + kind);
    }
    return this;
  }

  boolean has(String name) {
    return Files.exists(root.resolve(name));
  }

  /** A file that the layout requires. */
  Path file(String name) {
    Path file = root.resolve(name);
    if (!Files.isRegularFile(file)) {
      throw new TenonException(file + ": no such file, where " + kind
          + " has one; check data.root and unpack the data set whole");
    }
    return file;
  }

  /** A folder that the layout requires. */
  Path folder(String name) {
    Path folder = root.resolve(name);
    if (!Files.isDirectory(folder)) {
      throw new TenonException(folder + ": no such folder, where " + kind
          + " has one; check data.root and unpack the data set whole");
    }
    return folder;
  }

  /** An image that {@code list} names. */
  SampleImage image(String path, Path list) {
    Path file = root.resolve(path);
    if (!Files.isRegularFile(file)) {
      throw new TenonException(file + ": no such image, though " + list.getFileName()
          + " lists it; restore it or remove it from that list");
    }
    return new SampleImage.OfFile(file);
  }

  /** The lines of a text file that are not blank. */
  static List<String> lines(Path file) {
    try (Stream<String> lines = Files.lines(file)) {
      return lines.map(String::strip).filter(line -> !line.isEmpty()).toList();
    } catch (IOException | UncheckedIOException e) {
      throw new TenonException(file + ": cannot be read (" + e.getMessage() + "); replace it by the original", e);
    }
  }

  /** The visible entries of a folder. */
  static List<Path> entries(Path folder) {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.filter(entry -> !entry.getFileName().toString().startsWith(".")).toList();
    } catch (IOException e) {
      throw new TenonException(folder + ": cannot be listed (" + e.getMessage() + "); check its permissions", e);
    }
  }
}
