package dev.tenon.training.report;

import java.awt.image.BufferedImage;
import java.util.List;
import java.util.Optional;

/**
 * What a finished run has to tell, free of how it is shown. Empty lists and empty optionals leave their
 * part of the
 * page out. All accuracies are shares in [0, 1].
 *
 * @param title of the page
 * @param summary one or two sentences under the title
 * @param facts of the run, shown as a table: recipe, device, duration, parameters
 * @param tasks results on the test sets
 * @param loss training loss over epochs: the whole and its parts
 * @param taskLoss running cross-entropy of each task over epochs
 * @param accuracy of each task over epochs
 * @param learningRate over epochs
 * @param fade α over epochs: 0 is the full router, 1 the plain network
 * @param expertUsage mean routing share, {@code [block][expert]}; every row adds up to 1
 * @param classes accuracy of each class
 * @param samples images with what the model says about them
 * @param merge the network before and after its adapters were folded in
 * @param methods several methods compared on the same tasks
 * @param recipe canonical YAML of the run
 */
public record RunReport(
    String title,
    String summary,
    List<Fact> facts,
    List<TaskResult> tasks,
    List<Curve> loss,
    List<Curve> taskLoss,
    List<Curve> accuracy,
    Optional<Curve> learningRate,
    Optional<Curve> fade,
    List<List<Double>> expertUsage,
    List<ClassAccuracy> classes,
    List<Sample> samples,
    Optional<Merge> merge,
    List<MethodRow> methods,
    String recipe) {

  /** One line of the table of facts. */
  public record Fact(String name, String value) {}

  /**
   * One task.
   *
   * @param last accuracy after the last epoch, answers over the union of all tasks' classes
   * @param best the same after the best epoch
   * @param masked after the last epoch, answers among the task's own classes only
   */
  public record TaskResult(
      String name, int classes, int trainImages, int testImages, double last, double best, double masked) {}

  /** A named line through points in order of x. */
  public record Curve(String name, List<Point> points) {}

  /** One point of a curve. */
  public record Point(double x, double y) {}

  /** How many of a class's test images were answered right. */
  public record ClassAccuracy(String task, String name, int correct, int images) {
    double share() {
      return images == 0 ? 0 : (double) correct / images;
    }
  }

  /**
   * One test image and the model's answers, most likely first.
   *
   * @param truth label of the image
   */
  public record Sample(String task, BufferedImage image, String truth, List<Guess> guesses) {}

  /** A label and its probability in [0, 1]. */
  public record Guess(String label, double probability) {}

  /**
   * The network with its adapters and after merging.
   *
   * @param adapted with routers and low-rank adapters beside the weights
   * @param plain one plain ViT
   * @param largestDifference of any logit on the test images
   * @param sameAnswers share of test images on which both agree
   */
  public record Merge(Side adapted, Side plain, double largestDifference, double sameAnswers) {}

  /**
   * One of the two networks.
   *
   * @param parameters number of stored values
   * @param millisPerImage of one image of a batch
   * @param accuracy of each task, in the order of {@link RunReport#tasks}
   */
  public record Side(long parameters, double millisPerImage, List<Double> accuracy) {}

  /**
   * One method of a comparison.
   *
   * @param trainable number of trained parameters
   * @param accuracy of each task, in the order of {@link RunReport#tasks}
   * @param highlighted whether this is the method the page is about
   */
  public record MethodRow(String name, long trainable, List<Double> accuracy, boolean highlighted) {}
}
