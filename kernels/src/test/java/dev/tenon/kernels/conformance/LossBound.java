package dev.tenon.kernels.conformance;

import static dev.tenon.kernels.conformance.ErrorBound.SLACK;
import static dev.tenon.kernels.conformance.ErrorBound.U;
import static dev.tenon.kernels.conformance.UnaryBound.ULPS;

import dev.tenon.engine.op.CrossEntropy;
import dev.tenon.engine.op.CrossEntropyGrad;
import dev.tenon.engine.op.Ref;
import java.util.List;

/** Bounds for the cross-entropy: a weighted sum of differences of a log-sum-exp and logits. */
final class LossBound {
  private LossBound() {}

  /** One sample: its logits, what each class weighs in its loss, and its log-sum-exp. */
  private record Sample(double[] x, double[] share, double lse, double roundoffs) {
    static Sample of(CrossEntropy loss, List<Ref> in, int sample) {
      Ref x = in.get(0);
      int classes = x.dim(1);
      int inner = (int) x.shape().product(2, x.rank());
      double[] line = new double[classes];
      double[] share = new double[classes];
      long label = (long) in.get(1).v()[sample];
      double sum = 0;
      for (int c = 0; c < classes; c++) {
        line[c] = x.v()[(sample / inner * classes + c) * inner + sample % inner];
        double weight = loss.weighted() ? in.get(2).v()[c] : 1;
        double target = loss.labelSmoothing() / classes + (c == label ? 1 - loss.labelSmoothing() : 0);
        share[c] = label == loss.ignoreIndex() ? 0 : weight * target;
        sum += Math.exp(line[c]);
      }
      return new Sample(line, share, Math.log(sum), RowBound.sumOfExp(line) + ULPS + classes + 4);
    }
  }

  static double[] of(CrossEntropy loss, List<Ref> in) {
    double[] bound = new double[in.get(1).size()];
    for (int s = 0; s < bound.length; s++) {
      Sample sample = Sample.of(loss, in, s);
      for (int c = 0; c < sample.x.length; c++) {
        bound[s] += SLACK * U * sample.roundoffs * sample.share[c] * (1 + Math.abs(sample.lse) + Math.abs(sample.x[c]));
      }
    }
    return bound;
  }

  static double[] of(CrossEntropyGrad grad, List<Ref> in) {
    Ref x = in.getFirst();
    int classes = x.dim(1);
    int inner = (int) x.shape().product(2, x.rank());
    double[] bound = new double[x.size()];
    for (int s = 0; s < in.get(1).size(); s++) {
      Sample sample = Sample.of(grad.loss(), in, s);
      double total = 0;
      for (double share : sample.share) {
        total += share;
      }
      for (int c = 0; c < classes; c++) {
        double p = Math.exp(sample.x[c] - sample.lse);
        double size = Math.abs(in.getLast().v()[s]) * (total * p + sample.share[c]);
        double argument = 2 * (Math.abs(sample.x[c]) + Math.abs(sample.lse));
        bound[(s / inner * classes + c) * inner + s % inner] = SLACK * U * (sample.roundoffs + argument + ULPS) * size;
      }
    }
    return bound;
  }
}
