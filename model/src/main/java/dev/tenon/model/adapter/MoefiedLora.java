package dev.tenon.model.adapter;

import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.vit.Vit;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongToDoubleFunction;

/**
 * Turns a plain network into EMTAL's (§2.1–2.3): hidden channels sorted into experts, a low-rank update on every linear layer of a
 * block, and a soft router.
 *
 * @param experts K, which divides the hidden width
 * @param lora the updates
 * @param restarts of the balanced k-means, of which the best is kept; 0 takes the channels as they are, sorted already
 * @param iterations of the k-means at most, for each start
 */
public record MoefiedLora(int experts, Lora lora, int restarts, int iterations) {
  private static final double ROUTER_STD = 0.02;
  private static final double TOLERANCE = 1e-4;

  public MoefiedLora {
    if (experts < 1) {
      throw new TenonException("MoEfied LoRA needs at least one expert, not " + experts + "; change the method's settings");
    }
  }

  /** As in the paper: updates on all four layers, 10 starts of at most 300 iterations. */
  public static MoefiedLora of(int experts, int rank, long seed) {
    return new MoefiedLora(experts, new Lora(rank, EnumSet.allOf(Lora.Target.class), 0.02, seed), 10, 300);
  }

  /**
   * The adapted network in the current scope; its updates, routers and heads are trainable, the rest is frozen.
   *
   * @throws TenonException when {@code plain} is adapted already or K does not divide its hidden width
   */
  public Vit adapt(Vit plain) {
    Adapters.requirePlain(plain);
    Map<String, Tensor> added = new LinkedHashMap<>(lora.updates(plain));
    added.putAll(sorted(plain));
    for (int i = 0; i < plain.depth(); i++) {
      String gate = "blocks." + i + ".mlp.gate_weight_lora.weight";
      Tensor fc1 = plain.weights().get("blocks." + i + ".mlp.fc1.weight");
      LongToDoubleFunction values = Philox.of(lora.seed()).split(gate).truncatedNormal(ROUTER_STD, -2, 2);
      added.put(gate, Adapters.filled(fc1.dtype(), Shape.of(experts, fc1.dim(1)), values));
    }
    return Adapters.trainable(plain, added);
  }

  private Map<String, Tensor> sorted(Vit plain) {
    if (restarts == 0) {
      requireEqualExperts(plain);
      return Map.of();
    }
    var kMeans = new BalancedKMeans(experts, BalancedKMeans.Metric.EUCLIDEAN, restarts, iterations, TOLERANCE, lora.seed());
    return ExpertOrder.sorted(plain, ExpertOrder.find(plain, kMeans));
  }

  private void requireEqualExperts(Vit plain) {
    long hidden = plain.weights().get("blocks.0.mlp.fc1.weight").dim(0);
    if (hidden % experts != 0) {
      throw new TenonException(hidden + " hidden channels cannot be dealt evenly to " + experts
          + " experts; choose a number of experts that divides the number of channels");
    }
  }
}
