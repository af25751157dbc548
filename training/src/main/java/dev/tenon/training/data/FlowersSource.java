package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * Oxford Flowers-102 (Nilsback and Zisserman, 2008): 2,040 (training and validation) and 6,149 images. Its
 * classes have numbers, no names.
 */
public record FlowersSource(Path root) implements DataSource {
  @Override
  public TaskData load(String taskName) {
    Folder folder = Folder.of("Flowers-102 with imagelabels.mat, setid.mat and jpg/", root);
    Path labelFile = folder.file("imagelabels.mat");
    int[] labels = MatFile.open(labelFile).numbers("labels");
    Path splitFile = folder.file("setid.mat");
    MatFile splits = MatFile.open(splitFile);
    folder.folder("jpg");
    List<Sample> train = new ArrayList<>();
    List<Sample> test = new ArrayList<>();
    for (String split : new String[] {"trnid", "valid", "tstid"}) {
      for (int id : splits.numbers(split)) {
        if (id < 1 || id > labels.length) {
          throw new TenonException(splitFile + ": " + split + " names image " + id + ", but "
              + labelFile.getFileName() + " labels 1 to " + labels.length + "; replace both by the originals");
        }
        SampleImage image = folder.image(String.format(Locale.ROOT, "jpg/image_%05d.jpg", id), splitFile);
        (split.equals("tstid") ? test : train).add(new Sample(image, labels[id - 1] - 1));
      }
    }
    int classes = Arrays.stream(labels).max().orElse(0);
    List<String> names = IntStream.rangeClosed(1, classes).mapToObj(String::valueOf).toList();
    return new TaskData(taskName, names, train, test).requireEveryClassInTraining();
  }
}
