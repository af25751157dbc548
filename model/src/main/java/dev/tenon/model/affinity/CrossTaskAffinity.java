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

/**
 * Cross-task affinity learning (CTAL, arXiv:2401.11124; EMA-Net in its first version): reduces each task's features, diffuses them along
 * the affinities of all tasks, and doubles height and width. Over tensors with the names of the reference.
 */
public final class CrossTaskAffinity {
  private final AffinityConfig config;
  private final long channels;
  private final List<Reduction> reductions;
  private final SpatialAffinity affinity;
  private final List<Upsampling> upsamplings;

  /** Fewer channels of a task's features. */
  private interface Reduction {
    Tensor apply(Tensor x, Phase phase);

    /** A convolution, in the version for transformers with a norm and ReLU behind it. */
    static Reduction of(Weights weights, String name) {
      if (weights.find(name + ".weight").isPresent()) {
        SameConv conv = SameConv.of(weights, name);
        return (x, _) -> conv.apply(x);
      }
      ConvNorm layer = ConvNorm.of(weights, name);
      return (x, phase) -> layer.apply(x, phase).map(Unary.Fn.RELU);
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
      Tensor larger = switch (phase) {
        case TRAINING -> norm.train(TWICE.apply(x, weight, bias));
        case EVALUATION -> {
          ChannelNorm.Affine affine = norm.frozen();
          yield TWICE.apply(
              x, weight.mul(affine.factor().reshape(-1, 1, 1)), bias.mul(affine.factor()).add(affine.summand()));
        }
      };
      return conv.apply(larger.map(Unary.Fn.RELU));
    }
  }

  /**
   * The module whose tensors' names start with {@code prefix}.
   *
   * @throws dev.tenon.engine.TenonException when a tensor is missing
   */
  public CrossTaskAffinity(Weights weights, String prefix, AffinityConfig config) {
    this.config = config;
    String first = prefix + "conv_in." + config.tasks().getFirst();
    this.channels = weights.find(first + ".weight").orElseGet(() -> weights.get(first + ".0.weight")).dim(1);
    this.reductions = config.tasks().stream().map(task -> Reduction.of(weights, prefix + "conv_in." + task)).toList();
    this.affinity = SpatialAffinity.of(weights, prefix + "spatial_att.", config);
    this.upsamplings = config.tasks().stream().map(task -> Upsampling.of(weights, prefix + "conv_out." + task)).toList();
  }

  /** The features of each task, [B, in, H, W] → [B, out, 2·H, 2·W], in the order of the tasks. */
  public List<Tensor> apply(List<Tensor> features, Phase phase) {
    config.check(features, channels);
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
