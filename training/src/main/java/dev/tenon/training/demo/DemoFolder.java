package dev.tenon.training.demo;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.imageio.ImageIO;

/** Writes the demo's images as a user would bring their own: one folder a class, complete or not at all. */
record DemoFolder(DemoWorld world, Path folder) {

  void write(List<DemoSet> sets) {
    Path parent = folder.getParent();
    try {
      refuseToOverwrite();
      Files.createDirectories(parent);
      Path draft = Files.createTempDirectory(parent, "." + folder.getFileName() + ".");
      try {
        for (DemoSet set : sets) {
          for (DemoWorld.Split split : DemoWorld.Split.values()) {
            writeSplit(draft, set, split);
          }
        }
        Files.move(draft, folder, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        delete(draft);
      }
    } catch (IOException e) {
      throw failure(e);
    } catch (UncheckedIOException e) {
      throw failure(e.getCause());
    }
  }

  private void refuseToOverwrite() throws IOException {
    if (Files.isDirectory(folder)) {
      try (Stream<Path> content = Files.list(folder)) {
        if (content.findAny().isEmpty()) {
          return;
        }
      }
    }
    if (Files.exists(folder)) {
      throw new TenonException("cannot write the demo's images to " + folder
          + " because it is there already; choose a new folder");
    }
  }

  private void writeSplit(Path draft, DemoSet set, DemoWorld.Split split) throws IOException {
    List<String> classes = set.task().classes();
    Path splitFolder = draft.resolve(set.task().title()).resolve(split.title());
    for (String name : classes) {
      Files.createDirectories(splitFolder.resolve(name));
    }
    IntStream.range(0, set.images(split)).parallel().forEach(i -> {
      int label = i % classes.size();
      int index = i / classes.size();
      String name = String.format(Locale.ROOT, "%04d.png", index);
      Path file = splitFolder.resolve(classes.get(label)).resolve(name);
      try (var out = Files.newOutputStream(file)) {
        ImageIO.write(world.image(set.task(), split, label, index), "png", out);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    });
  }

  private static void delete(Path draft) throws IOException {
    if (Files.exists(draft)) {
      try (Stream<Path> all = Files.walk(draft)) {
        for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      }
    }
  }

  private TenonException failure(IOException e) {
    return new TenonException("cannot write the demo's images to " + folder + " (" + e.getMessage()
        + "); free some space or choose a writable folder", e);
  }
}
