package dev.tenon.model.adapter;

import dev.tenon.engine.DType;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.model.Weights;
import dev.tenon.model.vit.Vit;
import java.util.LinkedHashMap;
import java.util.Map;

/** Folds low-rank updates into the weights they update, which leaves an ordinary network of the same function (EMTAL §2.5). */
public final class Merge {
  /**
   * How far a merged network is from the one it came from.
   *
   * @param largest difference of two logits
   * @param sameClasses whether every image keeps its class
   */
  public record Drift(double largest, boolean sameClasses) {}

  private Merge() {}

  /**
   * The plain network that {@code vit} has become, {@code w + (a·b)ᵀ} computed in double precision and rounded once.
   *
   * @param alpha how far the router is faded; only at 1 does it scale nothing
   * @throws TenonException when a router is not fully faded
   */
  public static Vit merge(Vit vit, double alpha) {
    if (vit.weights().find("blocks.0.mlp.gate_weight_lora.weight").isPresent() && alpha != 1) {
      throw new TenonException("the router is faded to " + alpha
          + ", and a network merges only when it is faded to 1; train until the fade has ended");
    }
    Map<String, Tensor> merged = new LinkedHashMap<>();
    try (var _ = Tape.pause()) {
      vit.weights().asMap().forEach((name, t) -> {
        if (!name.contains("lora") && !ExpertOrder.isOrder(name)) {
          merged.put(name, folded(vit, name, t));
        }
      });
    }
    return new Vit(new Weights(merged), vit.config());
  }

  /** Compares the two on {@code images} [B, 3, H, W], the adapted one fully faded. */
  public static Drift drift(Vit adapted, Vit merged, Tensor images) {
    try (var _ = Tape.pause()) {
      Tensor logits = adapted.forward(images, 1);
      int classes = (int) logits.dim(1);
      double[] before = logits.toDoubles();
      double[] after = merged.forward(images, 1).toDoubles();
      double largest = 0;
      boolean same = true;
      for (int row = 0; row < before.length; row += classes) {
        int best = row;
        int bestAfter = row;
        for (int i = row; i < row + classes; i++) {
          largest = Math.max(largest, Math.abs(before[i] - after[i]));
          best = before[i] > before[best] ? i : best;
          bestAfter = after[i] > after[bestAfter] ? i : bestAfter;
        }
        same &= best == bestAfter;
      }
      return new Drift(largest, same);
    }
  }

  private static Tensor folded(Vit vit, String name, Tensor weight) {
    String layer = name.replace(".attn.", ".attn.lora_").replace(".mlp.", ".mlp.lora_").replace(".weight", "");
    boolean attention = name.contains(".attn.");
    Tensor a = vit.weights().find(attention ? layer : layer + "_a").orElse(null);
    Tensor b = vit.weights().find(attention ? layer + "2" : layer + "_b").orElse(null);
    if (!name.endsWith(".weight") || a == null || b == null) {
      return weight.detach();
    }
    Tensor update = a.cast(DType.F64).matmul(b.cast(DType.F64)).transpose(0, 1);
    return weight.cast(DType.F64).add(update).cast(weight.dtype());
  }
}
