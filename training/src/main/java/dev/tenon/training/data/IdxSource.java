package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The MNIST family (MNIST, Fashion-MNIST, KMNIST, EMNIST) in its idx files, also gzipped: {@code
 * train-images-idx3-ubyte}, {@code train-labels-idx1-ubyte} and {@code t10k-…} or {@code …test-…}.
 */
public record IdxSource(Path root) implements DataSource {
  @Override
  public TaskData load(String taskName) {
    Folder folder = Folder.of("idx files such as train-images-idx3-ubyte.gz", root);
    List<Sample> train = samples(folder, "train");
    List<Sample> test = samples(folder, "t10k", "test");
    int last = train.stream().mapToInt(Sample::label).max().orElse(0);
    List<String> classes = IntStream.rangeClosed(0, last).mapToObj(String::valueOf).toList();
    return new TaskData(taskName, classes, train, test);
  }

  private static List<Sample> samples(Folder folder, String... splits) {
    IdxFile images = IdxFile.read(find(folder, "images", splits), IdxFile.IMAGES);
    IdxFile labels = IdxFile.read(find(folder, "labels", splits), IdxFile.LABELS);
    if (images.count() != labels.count()) {
      throw new TenonException(labels.file() + ": holds " + labels.count() + " labels for the " + images.count()
          + " images of " + images.file().getFileName() + "; replace both by the originals");
    }
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < images.count(); i++) {
      samples.add(new Sample(new SampleImage.OfIdx(images, i), labels.label(i)));
    }
    return samples;
  }

  private static Path find(Folder folder, String kind, String... splits) {
    for (String split : splits) {
      for (Path entry : Folder.entries(folder.root())) {
        String name = entry.getFileName().toString();
        if (name.contains(split) && name.contains(kind) && name.contains("idx")) {
          return entry;
        }
      }
    }
    throw new TenonException(folder.root() + ": no file " + splits[0] + "-" + kind
        + "-idx…-ubyte or .gz; check data.root and download the data set's four files");
  }
}
