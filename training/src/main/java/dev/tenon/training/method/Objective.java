package dev.tenon.training.method;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.LogSoftmax;
import java.util.Arrays;
import java.util.Optional;

/**
 * What a step minimizes: one cross-entropy over the union of all classes with label smoothing, averaged over the mixed batch, plus
 * the distillation term where the method has one (EMTAL §2.4).
 *
 * @param labelSmoothing share of the target spread evenly over all classes
 */
public record Objective(double labelSmoothing, Optional<QualityRetaining> retaining) {
  /**
   * The parts of a loss, each a scalar on the tape.
   *
   * @param distillation empty where nothing is retained
   */
  public record Loss(Tensor crossEntropy, Optional<Tensor> distillation) {
    /** What backward starts from. */
    public Tensor total() {
      return distillation.map(crossEntropy::add).orElse(crossEntropy);
    }
  }

  /**
   * The loss of one mini-batch; moves the bank of {@link QualityRetaining} on.
   *
   * @param logits [batch, classes]
   */
  public Loss of(Tensor logits, QualityRetaining.Targets targets) {
    int classes = (int) logits.dim(1);
    double[] wanted = new double[targets.size() * classes];
    Arrays.fill(wanted, labelSmoothing / classes / targets.size());
    for (int s = 0; s < targets.size(); s++) {
      wanted[s * classes + targets.labels()[s]] += (1 - labelSmoothing) / targets.size();
    }
    Tensor target = Tensor.of(logits.dtype(), Shape.of(targets.size(), classes), wanted);
    Tensor crossEntropy = new LogSoftmax(1).apply(logits).mul(target).sum().neg();
    return new Loss(crossEntropy, retaining.map(r -> r.step(logits, targets)));
  }
}
