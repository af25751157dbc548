package dev.tenon.training.method;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.LogSoftmax;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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

  /** What the loss needs of a mini-batch: the distribution wanted of each sample, then what {@link QualityRetaining} needs. */
  List<Feed> feed(QualityRetaining.Targets targets, int classes) {
    float[] wanted = new float[targets.size() * classes];
    Arrays.fill(wanted, (float) (labelSmoothing / classes / targets.size()));
    for (int s = 0; s < targets.size(); s++) {
      wanted[s * classes + targets.labels()[s]] = (float) ((labelSmoothing / classes + 1 - labelSmoothing) / targets.size());
    }
    List<Feed> all = new ArrayList<>(List.of(Feed.of(wanted, targets.size(), classes)));
    retaining.ifPresent(r -> all.addAll(r.feed(targets)));
    return all;
  }

  /**
   * The loss of one mini-batch; moves the bank of {@link QualityRetaining} on.
   *
   * @param logits [batch, classes]
   * @param fed what {@link #feed} gave
   */
  Loss of(Tensor logits, List<Tensor> fed) {
    Tensor wanted = fed.getFirst().cast(logits.dtype());
    Tensor crossEntropy = new LogSoftmax(1).apply(logits).mul(wanted).sum().neg();
    return new Loss(crossEntropy, retaining.map(r -> r.step(logits, fed.subList(1, fed.size()))));
  }
}
