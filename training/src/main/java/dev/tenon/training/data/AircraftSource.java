package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * FGVC-Aircraft (Maji and others, 2013) at the level of variants: 100 classes, 6,667 (training and
 * validation) and 3,333 images. The banner at the lower edge of its images stays.
 */
public record AircraftSource(Path root) implements DataSource {
  @Override
  public TaskData load(String taskName) {
    Folder published = Folder.of("FGVC-Aircraft with data/variants.txt", root, "fgvc-aircraft-2013b");
    Folder folder = new Folder(published.kind(), published.folder("data"));
    List<String> variants = Folder.lines(folder.file("variants.txt"));
    List<Sample> train = samples(folder, "images_variant_trainval.txt", variants);
    List<Sample> test = samples(folder, "images_variant_test.txt", variants);
    return new TaskData(taskName, variants, train, test).requireEveryClassInTraining();
  }

  private static List<Sample> samples(Folder folder, String listName, List<String> variants) {
    Table list = Table.keyFirst(folder.file(listName));
    List<Sample> samples = new ArrayList<>();
    list.rows().forEach((id, variant) -> {
      int label = variants.indexOf(variant);
      if (label < 0) {
        throw new TenonException(list.file() + ": the variant '" + variant
            + "' of image " + id + " is not in variants.txt; replace both by the originals");
      }
      samples.add(new Sample(folder.image("images/" + id + ".jpg", list.file()), label));
    });
    return samples;
  }
}
