package dev.tenon.model.vit;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.GatedGelu;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.Unary;
import dev.tenon.model.Fade;
import dev.tenon.model.Projection;
import dev.tenon.model.Weights;

/** The two-layer network of a block. */
sealed interface Mlp {
  /** [..., dim] → [..., dim]; {@code fade} is of the router, if there is one. */
  Tensor apply(Tensor x, Fade fade);

  /** {@code fc2(activation(fc1(x)))}. */
  record Dense(Projection fc1, Projection fc2, Unary.Fn activation) implements Mlp {
    @Override
    public Tensor apply(Tensor x, Fade fade) {
      return fc2.apply(fc1.apply(x).map(activation));
    }
  }

  /**
   * Hidden channels in equal groups ("experts"), each rescaled by a router before the activation (EMTAL §2.3–2.4, Eq. 8–9, 12):
   * {@code gate = K·((1−α)·softmax(x·Wᵀ/τ) + α/K)}, which is exactly 1 at α = 1.
   *
   * @param router [K, dim], without bias
   */
  record Moefied(Projection fc1, Projection fc2, Tensor router, double temperature) implements Mlp {
    @Override
    public Tensor apply(Tensor x, Fade fade) {
      // Before fc1, so that a plan finds the activation right behind it and has the layer's kernel compute it.
      Tensor gate = fade.gate(shares(x));
      return fc2.apply(new GatedGelu((int) router.dim(0)).apply(fc1.apply(x), gate));
    }

    /** What the router gives to each expert before it fades: [..., dim] → [..., K], sums to 1. */
    Tensor shares(Tensor x) {
      return new Softmax(-1).apply(new Linear(false).apply(x, router).mul(1 / temperature));
    }
  }

  static Mlp of(Weights weights, String prefix, VitConfig config) {
    Projection fc1 = Projection.of(weights, prefix + "fc1", prefix + "lora_fc1_a", prefix + "lora_fc1_b");
    Projection fc2 = Projection.of(weights, prefix + "fc2", prefix + "lora_fc2_a", prefix + "lora_fc2_b");
    return weights.find(prefix + "gate_weight_lora.weight")
        .<Mlp>map(router -> new Moefied(fc1, fc2, router, config.routerTemperature()))
        .orElseGet(() -> new Dense(fc1, fc2, config.activation()));
  }
}
