package dev.tenon.training.report;

import dev.tenon.training.recipe.Recipe;
import dev.tenon.training.report.RunReport.ClassAccuracy;
import dev.tenon.training.report.RunReport.Curve;
import dev.tenon.training.report.RunReport.Fact;
import dev.tenon.training.report.RunReport.Guess;
import dev.tenon.training.report.RunReport.Merge;
import dev.tenon.training.report.RunReport.MethodRow;
import dev.tenon.training.report.RunReport.Point;
import dev.tenon.training.report.RunReport.Sample;
import dev.tenon.training.report.RunReport.Side;
import dev.tenon.training.report.RunReport.TaskResult;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** A made-up run with every part of the page filled, for looking at the page. */
final class SampleRun {
  private static final Random RANDOM = new Random(7);
  private static final int EPOCHS = 20;

  private SampleRun() {}

  static RunReport report() {
    var tasks = List.of(
        new TaskResult("flowers17", 17, 272, 68, 0.941, 0.956, 0.971),
        new TaskResult("clothing10", 10, 300, 80, 0.738, 0.75, 0.788),
        new TaskResult("signdigits10", 10, 500, 120, 0.917, 0.925, 0.933),
        new TaskResult("gtsrb43", 43, 1290, 258, 0.845, 0.845, 0.849));
    return new RunReport(
        "emtal-real-cpu",
        "ViT-Tiny/16 at 96×96 learns four tasks with one head over 80 classes, then is merged.",
        List.of(new Fact("method", "emtal, rank 4, 16 experts"), new Fact("device", "cpu, 2 threads"),
            new Fact("duration", "0:18:42"), new Fact("images per second", "43.1"),
            new Fact("trainable parameters", "200 272"), new Fact("steps", "1 460"),
            new Fact("weights", "vit_tiny_patch16_224.tinyimagenet.safetensors"), new Fact("seed", "42")),
        tasks,
        List.of(noisy("all", 1400, e -> 4.3 * Math.exp(-e / 5) + 0.9), noisy("cross-entropy", 1400, e ->
            3.9 * Math.exp(-e / 5) + 0.7), noisy("retention", 1400, e -> 0.3 + 0.25 * Math.sin(e / 5))),
        tasks.stream().map(SampleRun::runningLoss).toList(),
        tasks.stream().map(SampleRun::accuracy).toList(),
        Optional.of(exact("learning rate",
            e -> e < 2 ? 1e-3 * (e + 0.1) : 1e-3 * (1 + Math.cos(Math.PI * e / EPOCHS)))),
        Optional.of(exact("α", e -> Math.min(1, 2 * e / EPOCHS))),
        usage(12, 16),
        tasks.stream().flatMap(SampleRun::classes).toList(),
        IntStream.range(0, 12).mapToObj(i -> sample(i, tasks.get(i % 4).name())).toList(),
        Optional.of(new Merge(new Side(5_754_272, 31.4, List.of(0.941, 0.738, 0.917, 0.845)),
            new Side(5_539_856, 23.2, List.of(0.941, 0.738, 0.917, 0.845)), 6.7e-6, 1)),
        List.of(new MethodRow("linear probe", 15_440, List.of(0.81, 0.55, 0.62, 0.37), false),
            new MethodRow("full fine-tuning, union", 5_539_856, List.of(0.897, 0.638, 0.992, 0.903), false),
            new MethodRow("LoRA, rank 16", 605_264, List.of(0.941, 0.688, 0.992, 0.857), false),
            new MethodRow("EMTAL, rank 4", 200_272, List.of(0.971, 0.775, 0.933, 0.888), true)),
        Recipe.parse("sample", "", List.of("model.weights=w.safetensors", "data.root=images")).toYaml());
  }

  private static Curve noisy(String name, int points, DoubleUnaryOperator value) {
    return new Curve(name, IntStream.rangeClosed(1, points).mapToObj(i -> {
      double epoch = (double) i * EPOCHS / points;
      return new Point(epoch, value.applyAsDouble(epoch) * (1 + 0.03 * RANDOM.nextGaussian()));
    }).toList());
  }

  private static Curve exact(String name, DoubleUnaryOperator value) {
    var points = IntStream.rangeClosed(0, EPOCHS).mapToObj(e -> new Point(e, value.applyAsDouble(e)));
    return new Curve(name, points.toList());
  }

  private static Curve runningLoss(TaskResult task) {
    return noisy(task.name(), EPOCHS, e -> 10 * Math.exp(-e / (2 + task.last())) + 1 - task.last());
  }

  private static Curve accuracy(TaskResult task) {
    return noisy(task.name(), EPOCHS, e -> 0.97 * task.last() * (1 - 0.8 * Math.exp(-e / 3)));
  }

  private static List<List<Double>> usage(int blocks, int experts) {
    var rows = new ArrayList<List<Double>>();
    for (int b = 0; b < blocks; b++) {
      double spread = 0.1 + 0.05 * b;
      var raw = RANDOM.doubles(experts).map(u -> Math.exp(spread * 4 * (u - 0.5))).toArray();
      double sum = IntStream.range(0, experts).mapToDouble(i -> raw[i]).sum();
      rows.add(IntStream.range(0, experts).mapToObj(i -> raw[i] / sum).toList());
    }
    return rows;
  }

  private static Stream<ClassAccuracy> classes(TaskResult task) {
    int images = task.testImages() / task.classes();
    return IntStream.range(0, task.classes()).mapToObj(c -> {
      long correct = Math.clamp(Math.round(images * (task.last() + 0.25 * RANDOM.nextGaussian())), 0, images);
      return new ClassAccuracy(task.name(), "class <" + c + "> & co", (int) correct, images);
    });
  }

  private static Sample sample(int seed, String task) {
    var image = new BufferedImage(96, 96, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < 96; y++) {
      for (int x = 0; x < 96; x++) {
        image.setRGB(x, y, Color.HSBtoRGB((seed * 37 + x * y / 40f) / 300f, 0.6f, 0.5f + y / 200f));
      }
    }
    boolean right = seed % 5 != 3;
    return new Sample(task, image, "sunflower", List.of(new Guess(right ? "sunflower" : "dandelion", 0.87),
        new Guess("daisy", 0.09), new Guess("buttercup", 0.02), new Guess("iris", 0.01)));
  }
}
