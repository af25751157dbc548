package dev.tenon.training.parity;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.LogSoftmax;
import dev.tenon.engine.op.Softmax;
import java.util.Arrays;
import java.util.Map;

/** Losses from their definitions: cross entropy in all its variants, and distillation. */
final class LossReplays {
  static final Map<String, Replay> ALL = Map.of("op_ce", LossReplays::crossEntropy, "op_kl_distill", LossReplays::distillation);

  private LossReplays() {}

  /** Targets as probabilities over the classes, and what each position weighs in the mean. */
  private record Targets(Tensor probabilities, double[] meanWeights) {}

  private static Map<String, Tensor> crossEntropy(GoldenCase c) {
    Tensor x = c.in("x");
    double[] classWeights = new double[(int) x.dim(1)];
    for (int k = 0; k < classWeights.length; k++) {
      classWeights[k] = c.has("in.weight") ? c.in("weight").toDoubles()[k] : 1;
    }
    boolean soft = c.config().path("soft").asBoolean();
    Targets targets = soft ? soft(c, classWeights) : hard(c, classWeights);
    Tensor none = new LogSoftmax(1).apply(x).mul(targets.probabilities).sum(1).neg();
    double total = 0;
    for (double weight : targets.meanWeights) {
      total += weight;
    }
    Tensor sum = none.sum();
    return Map.of("none", none, "sum", sum, "mean", sum.mul(1 / total));
  }

  private static Targets soft(GoldenCase c, double[] classWeights) {
    Shape shape = c.in("x").shape();
    double smoothing = c.config().path("ls").asDouble();
    double[] target = c.in("target").toDoubles();
    int inner = (int) shape.product(2, shape.rank());
    for (int i = 0; i < target.length; i++) {
      target[i] = classWeights[i / inner % classWeights.length] * (target[i] * (1 - smoothing) + smoothing / classWeights.length);
    }
    double[] weights = new double[target.length / classWeights.length];
    Arrays.fill(weights, 1);
    return new Targets(Tensor.of(c.dtype(), shape, target), weights);
  }

  private static Targets hard(GoldenCase c, double[] classWeights) {
    Shape shape = c.in("x").shape();
    JsonNode ignored = c.config().path("ignore");
    double smoothing = c.config().path("ls").asDouble();
    double[] labels = c.in("target").toDoubles();
    double[] weights = new double[labels.length];
    double[] target = new double[(int) shape.size()];
    int inner = (int) shape.product(2, shape.rank());
    for (int i = 0; i < target.length; i++) {
      int k = i / inner % classWeights.length;
      int position = i / inner / classWeights.length * inner + i % inner;
      double label = labels[position];
      if (ignored.isMissingNode() || label != ignored.asDouble()) {
        target[i] = classWeights[k] * ((label == k ? 1 - smoothing : 0) + smoothing / classWeights.length);
        weights[position] = classWeights[(int) label];
      }
    }
    return new Targets(Tensor.of(c.dtype(), shape, target), weights);
  }

  private static Map<String, Tensor> distillation(GoldenCase c) {
    double temperature = c.config().get("T").asDouble();
    Tensor student = new LogSoftmax(-1).apply(c.in("x").mul(1 / temperature));
    Tensor teacherLogits = c.in("t").mul(1 / temperature);
    Tensor teacher = new Softmax(-1).apply(teacherLogits);
    Tensor none = teacher.mul(new LogSoftmax(-1).apply(teacherLogits).sub(student)).mul(temperature * temperature);
    return Map.of("none", none, "batchmean", none.sum().mul(1.0 / student.dim(0)));
  }
}
