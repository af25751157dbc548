package dev.tenon.model.adapter;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.Weights;
import dev.tenon.model.vit.Vit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongToDoubleFunction;

/**
 * Turns a plain network into EMTAL's (§2.1–2.3): hidden channels sorted into experts, a low-rank update on every linear layer of a
 * block, and a soft router.
 *
 * @param experts K, which divides the hidden width
 * @param rank of every update
 * @param seed of clustering and initial values
 */
public record MoefiedLora(int experts, int rank, long seed) {
  private static final double STD = 0.02;

  public MoefiedLora {
    if (experts < 1 || rank < 1) {
      throw new TenonException("MoEfied LoRA needs at least one expert and a rank of at least 1, not " + experts + " and "
          + rank + "; change the method's settings");
    }
  }

  /**
   * The adapted network in the current scope; its updates, routers and heads are trainable, the rest is frozen.
   *
   * @throws TenonException when {@code plain} is adapted already or K does not divide its hidden width
   */
  public Vit adapt(Vit plain) {
    if (plain.weights().asMap().keySet().stream().anyMatch(n -> n.contains("lora"))) {
      throw new TenonException("the network has adapters already; merge them before adding others");
    }
    Map<String, Tensor> added = new LinkedHashMap<>();
    for (int i = 0; i < plain.depth(); i++) {
      String at = "blocks." + i + ".";
      experts(plain, at, added);
      update(plain, at + "attn.qkv", at + "attn.lora_qkv", at + "attn.lora_qkv2", added);
      update(plain, at + "attn.proj", at + "attn.lora_proj", at + "attn.lora_proj2", added);
      update(plain, at + "mlp.fc1", at + "mlp.lora_fc1_a", at + "mlp.lora_fc1_b", added);
      update(plain, at + "mlp.fc2", at + "mlp.lora_fc2_a", at + "mlp.lora_fc2_b", added);
      String gate = at + "mlp.gate_weight_lora.weight";
      LongToDoubleFunction values = Philox.of(seed).split(gate).truncatedNormal(STD, -2, 2);
      added.put(gate, filled(plain, Shape.of(experts, plain.weights().get("pos_embed").dim(2)), values));
    }
    Map<String, Tensor> all = new LinkedHashMap<>();
    plain.weights().with(added).asMap().forEach((name, t) -> all.put(name, isTrained(name) ? t.withGrad() : t.detach()));
    return new Vit(new Weights(all), plain.config());
  }

  /** Whether EMTAL trains the weight of that name (§2.4): updates, routers and heads. */
  public static boolean isTrained(String name) {
    return name.contains("lora") || name.startsWith("head");
  }

  /** Sorts the hidden channels so that each expert's are neighbors; the network's function stays the same. */
  private void experts(Vit plain, String at, Map<String, Tensor> added) {
    Tensor fc1 = plain.weights().get(at + "mlp.fc1.weight");
    int hidden = (int) fc1.dim(0);
    int width = (int) fc1.dim(1);
    double[] w = fc1.toDoubles();
    double[][] rows = new double[hidden][width];
    for (int r = 0; r < hidden; r++) {
      System.arraycopy(w, r * width, rows[r], 0, width);
    }
    int[] order = BalancedKMeans.of(experts, seed).fit(rows).permutation();
    added.put(at + "mlp.fc1.weight", reordered(fc1, order, width, false));
    Tensor bias = plain.weights().find(at + "mlp.fc1.bias").orElse(null);
    if (bias != null) {
      added.put(at + "mlp.fc1.bias", reordered(bias, order, 1, false));
    }
    added.put(at + "mlp.fc2.weight", reordered(plain.weights().get(at + "mlp.fc2.weight"), order, hidden, true));
  }

  /** Rows (or, under {@code columns}, columns) of a matrix with {@code width} columns, in another order. */
  private static Tensor reordered(Tensor t, int[] order, int width, boolean columns) {
    double[] from = t.toDoubles();
    double[] to = new double[from.length];
    for (int i = 0; i < to.length; i++) {
      int row = i / width;
      int column = i % width;
      to[i] = columns ? from[row * width + order[column]] : from[order[row] * width + column];
    }
    return Tensor.of(t.dtype(), t.shape(), to);
  }

  private void update(Vit plain, String layer, String a, String b, Map<String, Tensor> added) {
    Tensor weight = plain.weights().get(layer + ".weight");
    Philox randomA = Philox.of(seed).split(a);
    Philox randomB = Philox.of(seed).split(b);
    added.put(a, filled(plain, Shape.of(weight.dim(1), rank), i -> STD * randomA.normal(i)));
    added.put(b, filled(plain, Shape.of(rank, weight.dim(0)), i -> STD * randomB.normal(i)));
  }

  private static Tensor filled(Vit plain, Shape shape, LongToDoubleFunction values) {
    double[] v = new double[Math.toIntExact(shape.size())];
    for (int i = 0; i < v.length; i++) {
      v[i] = values.applyAsDouble(i);
    }
    DType dtype = plain.weights().get("patch_embed.proj.weight").dtype();
    return Tensor.of(dtype, shape, v);
  }
}
