package dev.tenon.model;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LoraLinear;
import java.util.Optional;

/** A linear layer over the last dimension, with or without a low-rank update beside its weight. */
public sealed interface Projection {
  /** [..., in] → [..., out]. */
  Tensor apply(Tensor x);

  /** {@code x·weightᵀ + bias}; weight [out, in]. */
  record Plain(Tensor weight, Optional<Tensor> bias) implements Projection {
    @Override
    public Tensor apply(Tensor x) {
      return bias.map(b -> new Linear(true).apply(x, weight, b)).orElseGet(() -> new Linear(false).apply(x, weight));
    }
  }

  /** A frozen layer with a trained update {@code scale·(x·loraA)·loraB} (LoRA; EMTAL §2.3). */
  record LowRank(Plain base, Tensor loraA, Tensor loraB, double scale) implements Projection {
    @Override
    public Tensor apply(Tensor x) {
      return base.bias
          .map(b -> new LoraLinear(true, scale).apply(x, base.weight, b, loraA, loraB))
          .orElseGet(() -> new LoraLinear(false, scale).apply(x, base.weight, loraA, loraB));
    }
  }

  /** The layer {@code name} (its {@code .weight} and, if there is one, {@code .bias}). */
  static Plain plain(Weights weights, String name) {
    return new Plain(weights.get(name + ".weight"), weights.find(name + ".bias"));
  }

  /** The layer {@code name}, with a low-rank update of scale 1 where {@code loraA} and {@code loraB} exist. */
  static Projection of(Weights weights, String name, String loraA, String loraB) {
    Plain base = plain(weights, name);
    return weights.find(loraA)
        .<Projection>map(a -> new LowRank(base, a, weights.get(loraB), 1))
        .orElse(base);
  }
}
