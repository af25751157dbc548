package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.Arrays;

/**
 * Losses written in ops. Each answers one value a sample or an element, so that the caller chooses between sum, mean and masks;
 * {@link #crossEntropyMean} is the exception, since its denominator depends on labels and weights.
 */
public final class Losses {
  private Losses() {}

  /**
   * Mean of {@link CrossEntropy} over the samples not ignored, each counted by the weight of its label.
   *
   * @param weight per class, or null
   */
  public static Tensor crossEntropyMean(
      Tensor x, Tensor target, Tensor weight, double labelSmoothing, long ignoreIndex) {
    CrossEntropy loss = new CrossEntropy(labelSmoothing, ignoreIndex, weight != null);
    Tensor ignored = new Compare(Compare.Relation.EQ).apply(target, Tensor.scalar(target.dtype(), ignoreIndex));
    Tensor zero = Tensor.scalar(x.dtype(), 0);
    Tensor one = Tensor.scalar(x.dtype(), 1);
    if (weight == null) {
      return loss.apply(x, target).sum().div(new Where().apply(ignored, zero, one).sum());
    }
    Tensor safe = new Where().apply(ignored, Tensor.scalar(target.dtype(), 0), target);
    Tensor share = new Where().apply(ignored, zero, new IndexSelect(0).apply(weight, safe));
    return loss.apply(x, target, weight).sum().div(share.sum());
  }

  /**
   * Cross-entropy of x {@code [N, classes, ...]} against probabilities of the same shape, one value a sample.
   *
   * @param weight per class, or null
   */
  public static Tensor softCrossEntropy(Tensor x, Tensor target, Tensor weight, double labelSmoothing) {
    Tensor shares = target.affine(1 - labelSmoothing, labelSmoothing / x.dim(1));
    if (weight != null) {
      long[] extents = new long[x.rank() - 1];
      Arrays.fill(extents, 1);
      extents[0] = x.dim(1);
      shares = shares.mul(weight.reshape(Shape.of(extents)));
    }
    return new LogSoftmax(1).apply(x).mul(shares).sum(1).neg();
  }

  /**
   * Binary cross-entropy of {@code sigmoid(x)}, one value an element, without overflow.
   *
   * @param posWeight factor on the positive part, broadcast against x, or null
   */
  public static Tensor binaryCrossEntropy(Tensor x, Tensor target, Tensor posWeight) {
    Tensor negative = target.affine(-1, 1).mul(x);
    Tensor logLikelihood = x.neg().map(Unary.Fn.SOFTPLUS);
    Tensor factor = posWeight == null ? null : target.mul(posWeight.add(-1)).add(1);
    return negative.add(factor == null ? logLikelihood : factor.mul(logLikelihood));
  }

  public static Tensor l1(Tensor x, Tensor target) {
    return x.sub(target).map(Unary.Fn.ABS);
  }

  public static Tensor squaredError(Tensor x, Tensor target) {
    return x.sub(target).map(Unary.Fn.SQUARE);
  }

  /** {@code d²/2} for {@code |d| < delta}, {@code delta·(|d| − delta/2)} beyond (Huber). */
  public static Tensor huber(Tensor x, Tensor target, double delta) {
    Tensor distance = l1(x, target);
    Tensor near = new Unary(Unary.Fn.CLAMP, 0, delta).apply(distance);
    return near.mul(distance.sub(near.mul(0.5)));
  }

  /** {@link #huber} divided by {@code beta}, so that its slope far out is 1. */
  public static Tensor smoothL1(Tensor x, Tensor target, double beta) {
    return huber(x, target, beta).mul(1 / beta);
  }

  /** The cosine of the angle between vectors along {@code axis}, which disappears; lengths below {@code eps} count as eps. */
  public static Tensor cosineSimilarity(Tensor x, Tensor target, int axis, double eps) {
    return Normalization.unit(x, axis, eps).mul(Normalization.unit(target, axis, eps)).sum(axis);
  }

  /** {@code T²·KL(softmax(teacher/T) ‖ softmax(student/T))} along {@code axis}, one value a class (Hinton et al., section 2). */
  public static Tensor distillation(Tensor student, Tensor teacher, int axis, double temperature) {
    Tensor logStudent = new LogSoftmax(axis).apply(student.mul(1 / temperature));
    Tensor logTeacher = new LogSoftmax(axis).apply(teacher.mul(1 / temperature));
    return logTeacher.map(Unary.Fn.EXP).mul(logTeacher.sub(logStudent)).mul(temperature * temperature);
  }
}
