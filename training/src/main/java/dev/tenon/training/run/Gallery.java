package dev.tenon.training.run;

import dev.tenon.engine.Tensor;
import dev.tenon.training.data.MultiTask;
import dev.tenon.training.data.UnionSample;
import dev.tenon.training.image.Image;
import dev.tenon.training.image.Interpolation;
import dev.tenon.training.image.Resize;
import dev.tenon.training.method.Evaluator;
import dev.tenon.training.report.RunReport;
import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/** Picks some test images of every task and asks a network about them, for the report. */
final class Gallery {
  private static final int MOST = 16;
  private static final int GUESSES = 3;
  private static final int SIDE = 160;

  private Gallery() {}

  static List<RunReport.Sample> of(Evaluator evaluator, UnaryOperator<Tensor> network) {
    MultiTask data = evaluator.data();
    int each = Math.max(1, MOST / data.tasks().size());
    List<UnionSample> picked = IntStream.range(0, data.tasks().size())
        .boxed()
        .flatMap(task -> data.someTest(task, each).stream())
        .toList();
    List<RunReport.Sample> samples = new ArrayList<>();
    evaluator.forEachBatch(picked, batch -> {
      float[] logits = Evaluator.logits(batch, network);
      for (int s = 0; s < batch.count(); s++) {
        samples.add(sample(evaluator, picked.get(samples.size()), guesses(data, picked.get(samples.size()).task(), logits, s)));
      }
    });
    return samples;
  }

  private static RunReport.Sample sample(Evaluator evaluator, UnionSample sample, List<RunReport.Guess> guesses) {
    MultiTask data = evaluator.data();
    return new RunReport.Sample(
        data.tasks().get(sample.task()).name(),
        picture(evaluator.images().get(sample.image())),
        data.className(sample.label()),
        guesses);
  }

  private static List<RunReport.Guess> guesses(MultiTask data, int task, float[] logits, int row) {
    int classes = data.classCount();
    double[] likelihood = new double[classes];
    double max = IntStream.range(0, classes).mapToDouble(c -> logits[row * classes + c]).max().orElseThrow();
    double sum = 0;
    for (int c = 0; c < classes; c++) {
      likelihood[c] = Math.exp(logits[row * classes + c] - max);
      sum += likelihood[c];
    }
    double all = sum;
    return IntStream.range(0, classes)
        .boxed()
        .sorted(Comparator.comparingDouble(c -> -likelihood[c]))
        .limit(GUESSES)
        .map(c -> new RunReport.Guess(name(data, task, c), likelihood[c] / all))
        .toList();
  }

  /** The class alone where it is of the image's task; two tasks may have classes of one name. */
  private static String name(MultiTask data, int task, int label) {
    int its = data.taskOf(label);
    return its == task ? data.className(label) : data.tasks().get(its).name() + ": " + data.className(label);
  }

  private static BufferedImage picture(Image image) {
    Image small = image.shortSide() > SIDE ? new Resize(Interpolation.BICUBIC, true).shortSide(image, SIDE) : image;
    BufferedImage picture = new BufferedImage(small.width(), small.height(), BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < small.height(); y++) {
      for (int x = 0; x < small.width(); x++) {
        picture.setRGB(x, y, small.at(x, y, 0) << 16 | small.at(x, y, 1) << 8 | small.at(x, y, 2));
      }
    }
    return picture;
  }
}
