package dev.tenon.model.affinity;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.ConvTranspose2d;
import dev.tenon.engine.op.Unary;
import dev.tenon.model.ChannelNorm;
import dev.tenon.model.Phase;
import dev.tenon.model.SameConv;
import dev.tenon.model.Weights;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Cross-task affinity learning (CTAL, arXiv:2401.11124; EMA-Net in its first version): reduces each task's features, diffuses them along
 * the affinities of all tasks, and doubles height and width. Over tensors with the names of the reference.
 */
public final class CrossTaskAffinity {
  private final AffinityConfig config;
  private final List<Reduction> reductions;
  private final SpatialAffinity affinity;
  private final List<Upsampling> upsamplings;

  /** A convolution, in the version for transformers with a norm and ReLU behind it. */
  private record Reduction(SameConv conv, Optional<ChannelNorm> norm) {
    static Reduction of(Weights weights, String name) {
      return weights.find(name + ".weight").isPresent()
          ? new Reduction(SameConv.of(weights, name), Optional.empty())
          : new Reduction(SameConv.of(weights, name + ".0"), Optional.of(ChannelNorm.of(weights, name + ".1")));
    }

    Tensor apply(Tensor x, Phase phase) {
      Tensor y = conv.apply(x);
      return norm.map(n -> n.apply(y, phase).map(Unary.Fn.RELU)).orElse(y);
    }
  }

  /** A transposed convolution that makes four pixels of each, norm, ReLU and a convolution. */
  private record Upsampling(Tensor weight, Tensor bias, ChannelNorm norm, SameConv conv) {
    private static final ConvTranspose2d TWICE = new ConvTranspose2d(new Conv2d(2, 2, 0, 0, 1, 1, 1, false), 0, 0);

    static Upsampling of(Weights weights, String name) {
      return new Upsampling(weights.get(name + ".0.weight"), weights.get(name + ".0.bias"), ChannelNorm.of(weights, name + ".1"),
          SameConv.of(weights, name + ".3"));
    }

    Tensor apply(Tensor x, Phase phase) {
      return conv.apply(norm.apply(TWICE.apply(x, weight, bias), phase).map(Unary.Fn.RELU));
    }
  }

  /**
   * The module whose tensors' names start with {@code prefix}.
   *
   * @throws dev.tenon.engine.TenonException when a tensor is missing
   */
  public CrossTaskAffinity(Weights weights, String prefix, AffinityConfig config) {
    this.config = config;
    this.reductions = config.tasks().stream().map(task -> Reduction.of(weights, prefix + "conv_in." + task)).toList();
    this.affinity = SpatialAffinity.of(weights, prefix + "spatial_att.", config);
    this.upsamplings = config.tasks().stream().map(task -> Upsampling.of(weights, prefix + "conv_out." + task)).toList();
  }

  /** The features of each task, [B, in, H, W] → [B, out, 2·H, 2·W], in the order of the tasks. */
  public List<Tensor> apply(List<Tensor> features, Phase phase) {
    config.check(features, reductions.getFirst().conv().weight().dim(1));
    List<Tensor> reduced = new ArrayList<>();
    for (int t = 0; t < features.size(); t++) {
      reduced.add(reductions.get(t).apply(features.get(t), phase));
    }
    List<Tensor> diffused = affinity.apply(reduced);
    List<Tensor> outputs = new ArrayList<>();
    for (int t = 0; t < features.size(); t++) {
      outputs.add(upsamplings.get(t).apply(diffused.get(t), phase));
    }
    return outputs;
  }
}
