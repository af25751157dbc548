package dev.tenon.training.data;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Stanford Cars (Krause and others, 2013): 196 models, 8,144 and 8,041 images. Published in three forms, told
 * apart by the files that are there: the official devkit with a file for each split, one {@code
 * cars_annos.mat}, and {@code train.json} with {@code test.json}, which work on prompt tuning uses.
 */
public record CarsSource(Path root) implements DataSource {
  @Override
  public TaskData load(String taskName) {
    Folder folder = Folder.of("Stanford Cars with devkit/, cars_annos.mat or train.json", root, "stanford_cars");
    TaskData task;
    if (folder.has("train.json")) {
      task = fromJson(taskName, folder);
    } else if (folder.has("cars_annos.mat")) {
      task = fromOneFile(taskName, folder);
    } else {
      task = fromDevkit(taskName, folder);
    }
    return task.requireEveryClassInTraining();
  }

  private static TaskData fromDevkit(String taskName, Folder folder) {
    String devkit = folder.has("devkit") ? "devkit/" : "";
    String labeledTest = "cars_test_annos_withlabels.mat";
    Path testFile = folder.file(folder.has(labeledTest) ? labeledTest : devkit + labeledTest);
    String[] names = MatFile.open(folder.file(devkit + "cars_meta.mat")).texts("class_names");
    List<Sample> train = samples(folder, folder.file(devkit + "cars_train_annos.mat"), "cars_train/");
    List<Sample> test = samples(folder, testFile, "cars_test/");
    return new TaskData(taskName, Arrays.asList(names), train, test);
  }

  private static List<Sample> samples(Folder folder, Path annotations, String images) {
    MatFile mat = MatFile.open(annotations);
    String[] files = mat.fieldTexts("annotations", "fname");
    int[] classes = mat.fieldNumbers("annotations", "class");
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < files.length; i++) {
      samples.add(new Sample(folder.image(images + files[i], annotations), classes[i] - 1));
    }
    return samples;
  }

  private static TaskData fromOneFile(String taskName, Folder folder) {
    Path annotations = folder.file("cars_annos.mat");
    MatFile mat = MatFile.open(annotations);
    String[] files = mat.fieldTexts("annotations", "relative_im_path");
    int[] classes = mat.fieldNumbers("annotations", "class");
    int[] isTest = mat.fieldNumbers("annotations", "test");
    List<Sample> train = new ArrayList<>();
    List<Sample> test = new ArrayList<>();
    for (int i = 0; i < files.length; i++) {
      var sample = new Sample(folder.image(files[i], annotations), classes[i] - 1);
      (isTest[i] == 0 ? train : test).add(sample);
    }
    return new TaskData(taskName, Arrays.asList(mat.texts("class_names")), train, test);
  }

  /** {@code {"<image>": <class>, ...}}; the class numbers in use become labels in ascending order. */
  private static TaskData fromJson(String taskName, Folder folder) {
    Map<String, Integer> train = json(folder.file("train.json"));
    if (folder.has("val.json")) {
      train.putAll(json(folder.file("val.json")));
    }
    Map<String, Integer> test = json(folder.file("test.json"));
    var used = new TreeSet<>(train.values());
    used.addAll(test.values());
    List<Integer> classes = List.copyOf(used);
    return new TaskData(
        taskName,
        classes.stream().map(String::valueOf).toList(),
        samples(folder, train, classes, folder.file("train.json")),
        samples(folder, test, classes, folder.file("test.json")));
  }

  private static List<Sample> samples(
      Folder folder, Map<String, Integer> classOf, List<Integer> classes, Path list) {
    List<Sample> samples = new ArrayList<>();
    classOf.forEach((path, id) -> samples.add(new Sample(folder.image(path, list), classes.indexOf(id))));
    return samples;
  }

  private static Map<String, Integer> json(Path file) {
    try {
      var type = new TypeReference<LinkedHashMap<String, Integer>>() {};
      return new ObjectMapper().readValue(file.toFile(), type);
    } catch (IOException _) {
      throw new TenonException(
          file + ": should be a JSON object of image paths and class numbers; replace it by the original");
    }
  }
}
