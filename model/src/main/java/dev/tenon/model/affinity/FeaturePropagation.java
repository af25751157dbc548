package dev.tenon.model.affinity;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.Unary;
import dev.tenon.model.Phase;
import dev.tenon.model.Projection;
import dev.tenon.model.SameConv;
import dev.tenon.model.Weights;
import java.util.ArrayList;
import java.util.List;

/**
 * Carries what all tasks know at one scale to the next (MTI-Net, arXiv:2001.06902, section 3.3): a shared summary of their features,
 * each channel of which every task weighs for itself.
 */
public final class FeaturePropagation {
  private final AffinityConfig config;
  private final Residual narrowing;
  private final Residual narrow;
  private final SameConv widening;
  private final Residual summary;
  private final List<Gate> gates;

  /** How much of each channel a task takes, by squeeze and excitation (Hu et al., 2018). */
  private record Gate(Projection squeeze, Projection excite) {
    static Gate of(Weights weights, String name) {
      return new Gate(Projection.plain(weights, name + ".0"), Projection.plain(weights, name + ".2"));
    }

    Tensor apply(Tensor x) {
      Tensor share = excite.apply(squeeze.apply(x.mean(2, 3)).map(Unary.Fn.RELU)).map(Unary.Fn.SIGMOID);
      return x.mul(share.reshape(x.dim(0), x.dim(1), 1, 1));
    }
  }

  /** The module whose tensors' names start with {@code prefix}. */
  public FeaturePropagation(Weights weights, String prefix, AffinityConfig config) {
    this.config = config;
    narrowing = Residual.of(weights, prefix + "non_linear.0.");
    narrow = Residual.of(weights, prefix + "non_linear.1.");
    widening = SameConv.of(weights, prefix + "non_linear.2");
    summary = Residual.of(weights, prefix + "dimensionality_reduction.");
    gates = config.tasks().stream().map(task -> Gate.of(weights, prefix + "se." + task + ".squeeze")).toList();
  }

  /** A tensor [B, C, H, W] for each task → as many of the same shape. */
  public List<Tensor> apply(List<Tensor> features, Phase phase) {
    config.check(features, widening.weight().dim(0) / config.tasks().size());
    Tensor all = new Concat(1).applyAll(features).getFirst();
    Tensor scores = widening.apply(narrow.apply(narrowing.apply(all, phase), phase));
    Tensor shared = summary.apply(all.mul(shares(scores, features.size())), phase);
    List<Tensor> outputs = new ArrayList<>();
    for (int t = 0; t < features.size(); t++) {
      outputs.add(gates.get(t).apply(shared).add(features.get(t)));
    }
    return outputs;
  }

  /** Softmax over runs of as many channels as there are tasks. They are channels of one task; the reference has it that way. */
  private static Tensor shares(Tensor scores, int tasks) {
    Tensor runs = scores.reshape(scores.dim(0), scores.dim(1) / tasks, tasks, scores.dim(2), scores.dim(3));
    return new Softmax(2).apply(runs).reshape(scores.shape());
  }
}
