package dev.tenon.training.method;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.model.Network;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a network computes with while it learns: itself, or a copy in another type of all but its head. Frozen weights are converted once.
 * Those that learn are converted in every step, on the tape, so that small changes add up in the master weights, to which gradients go.
 *
 * @param <N> kind of the network
 */
public final class WorkingCopy<N extends Network> {
  private final N master;
  private final DType type;
  private final Map<String, Tensor> frozen = new LinkedHashMap<>();
  /** The names of what is converted in every step. */
  private final List<String> learning = new ArrayList<>();

  /** A copy in {@code type}, for the type of the master weights none; what is frozen is converted in the current scope. */
  public WorkingCopy(N master, DType type) {
    this.master = master;
    this.type = type;
    master.weights().asMap().forEach((name, t) -> {
      if (!t.requiresGrad()) {
        frozen.put(name, isHead(name) ? t : t.cast(type));
      } else if (!isHead(name) && t.dtype() != type) {
        learning.add(name);
      }
    });
  }

  /** The network whose weights learn and are kept. */
  public N master() {
    return master;
  }

  /** The network of the next step, in the current scope. */
  Network next() {
    if (type(master) == type) {
      return master;
    }
    return master.with(master.weights().with(frozen).cast(learning, type));
  }

  /** The type of the layer that every network begins with. */
  static DType type(Network network) {
    return network.weights().get("patch_embed.proj.weight").dtype();
  }

  /** Logits decide small differences: the head stays as it is. */
  private static boolean isHead(String name) {
    return name.startsWith("head");
  }
}
