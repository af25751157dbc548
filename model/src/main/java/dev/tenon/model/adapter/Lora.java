package dev.tenon.model.adapter;

import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.Weights;
import dev.tenon.model.vit.Vit;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.LongToDoubleFunction;

/**
 * Puts low-rank updates beside the linear layers of a network (LoRA; in EMTAL's form: scale 1, both factors drawn from
 * N(0, {@code initStd}²), so that the update is not zero at the start).
 *
 * @param rank of every update
 * @param targets layers of each block that get one
 * @param seed of the initial values
 */
public record Lora(int rank, Set<Target> targets, double initStd, long seed) {
  /** The linear layers of a block, with the names of their factors. */
  public enum Target {
    QKV("attn.", "lora_qkv", "lora_qkv2"),
    PROJ("attn.", "lora_proj", "lora_proj2"),
    FC1("mlp.", "lora_fc1_a", "lora_fc1_b"),
    FC2("mlp.", "lora_fc2_a", "lora_fc2_b");

    private final String part;
    private final String a;
    private final String b;

    Target(String part, String a, String b) {
      this.part = part;
      this.a = a;
      this.b = b;
    }

    String layer() {
      return part + name().toLowerCase(Locale.ROOT);
    }
  }

  public Lora {
    if (rank < 1 || targets.isEmpty()) {
      throw new TenonException("LoRA needs a rank of at least 1 and a layer to sit on, not rank " + rank + " on " + targets);
    }
    targets = Set.copyOf(targets);
  }

  /** The adapted network in the current scope; its updates and heads are trainable, the rest is frozen. */
  public Vit adapt(Vit plain) {
    Adapters.requirePlain(plain);
    return Adapters.trainable(plain, updates(plain));
  }

  /** The factors for every block, by name. */
  Map<String, Tensor> updates(Vit plain) {
    Map<String, Tensor> added = new LinkedHashMap<>();
    for (int i = 0; i < plain.depth(); i++) {
      for (Target target : Target.values()) {
        if (targets.contains(target)) {
          update(plain.weights(), "blocks." + i + ".", target, added);
        }
      }
    }
    return added;
  }

  private void update(Weights weights, String block, Target target, Map<String, Tensor> added) {
    Tensor weight = weights.get(block + target.layer() + ".weight");
    String a = block + target.part + target.a;
    String b = block + target.part + target.b;
    added.put(a, Adapters.filled(weight.dtype(), Shape.of(weight.dim(1), rank), normal(a)));
    added.put(b, Adapters.filled(weight.dtype(), Shape.of(rank, weight.dim(0)), normal(b)));
  }

  private LongToDoubleFunction normal(String name) {
    Philox random = Philox.of(seed).split(name);
    return i -> initStd * random.normal(i);
  }
}
