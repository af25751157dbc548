package dev.tenon.model.affinity;

import dev.tenon.engine.Tensor;
import dev.tenon.model.ChannelNorm;
import dev.tenon.model.Phase;
import dev.tenon.model.SameConv;
import dev.tenon.model.Weights;

/** A convolution and the norm of its result. */
public record ConvNorm(SameConv conv, ChannelNorm norm) {
  static ConvNorm of(Weights weights, String conv, String norm) {
    return new ConvNorm(SameConv.of(weights, conv), ChannelNorm.of(weights, norm));
  }

  /** The layers {@code name.0} and {@code name.1}. */
  static ConvNorm of(Weights weights, String name) {
    return of(weights, name + ".0", name + ".1");
  }

  /** [B, in, H, W] → [B, out, H, W]. */
  public Tensor apply(Tensor x, Phase phase) {
    return switch (phase) {
      case TRAINING -> norm.train(conv.apply(x));
      case EVALUATION -> conv.then(norm.frozen()).apply(x);
    };
  }
}
