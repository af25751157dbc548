package dev.tenon.training.parity;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LoraLinear;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.op.Unbind;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The parts of EMTAL from their definitions in the paper: routed low-rank FFN, adapted attention, block, merging. */
final class EmtalReplays {
  static final Map<String, Replay> ALL = Map.of(
      "emtal_alpha_schedule", EmtalReplays::alpha,
      "emtal_attention", EmtalReplays::attention,
      "emtal_moelora_ffn", c -> Map.of("y", ffn(c, "", c.in("x"), c.config().get("alpha").asDouble())),
      "emtal_merge", EmtalReplays::merge);
  /** What LayerNorm adds to the variance in a block on its own. */
  private static final double EPS = 1e-5;

  private EmtalReplays() {}

  private static Map<String, Tensor> alpha(GoldenCase c) {
    JsonNode iterations = c.config().get("iters");
    double length = c.config().get("len_loader").asDouble() * c.config().get("epochs_const").asDouble();
    double[] alpha = new double[iterations.size()];
    for (int i = 0; i < alpha.length; i++) {
      alpha[i] = Math.min(2 * iterations.get(i).asDouble() / length, 1);
    }
    return Map.of("alpha", Tensor.of(DType.F64, Shape.of(alpha.length), alpha));
  }

  private static Map<String, Tensor> attention(GoldenCase c) {
    Tensor x = c.in("x");
    List<Tensor> qkv = queriesKeysValues(c, "", x);
    double scale = 1 / Math.sqrt(qkv.getFirst().dim(-1));
    Tensor query = qkv.get(0).slice(1, 0, 1).transpose(1, 2);
    Tensor rows = new Softmax(-1).apply(query.matmul(qkv.get(1).permute(0, 2, 3, 1)).mul(scale));
    return Map.of("y", project(c, "", x, qkv), "attn_cls", rows.select(2, 0).slice(2, 1, x.dim(1)));
  }

  private static List<Tensor> queriesKeysValues(GoldenCase c, String at, Tensor x) {
    long heads = c.config().get("heads").asLong();
    Tensor qkv = lora(c, x, at + "qkv", at + "lora_qkv", at + "lora_qkv2");
    return new Unbind(2).applyAll(List.of(qkv.reshape(x.dim(0), x.dim(1), 3, heads, x.dim(2) / heads)));
  }

  private static Tensor project(GoldenCase c, String at, Tensor x, List<Tensor> qkv) {
    double scale = 1 / Math.sqrt(qkv.getFirst().dim(-1));
    Tensor o = new Attention(scale, false, false).apply(qkv.get(0), qkv.get(1), qkv.get(2));
    return lora(c, o.reshape(x.shape()), at + "proj", at + "lora_proj", at + "lora_proj2");
  }

  private static Tensor lora(GoldenCase c, Tensor x, String layer, String a, String b) {
    return new LoraLinear(true, 1).apply(x, c.w(layer + ".weight"), c.w(layer + ".bias"), c.w(a), c.w(b));
  }

  private static Tensor ffn(GoldenCase c, String at, Tensor x, double alpha) {
    Tensor hidden = lora(c, x, at + "fc1", at + "lora_fc1_a", at + "lora_fc1_b");
    Tensor logits = new Linear(false).apply(x, c.w(at + "gate_weight_lora.weight"));
    Tensor gate = new Softmax(-1).apply(logits.mul(1 / c.config().get("router_tao").asDouble()));
    long experts = gate.dim(-1);
    Tensor routing = gate.affine((1 - alpha) * experts, alpha);
    Tensor routed = hidden.reshape(x.dim(0), x.dim(1), experts, -1).mul(routing.reshape(x.dim(0), x.dim(1), experts, 1));
    Tensor active = routed.map(Unary.Fn.GELU).reshape(hidden.shape());
    return lora(c, active, at + "fc2", at + "lora_fc2_a", at + "lora_fc2_b");
  }

  private static Tensor norm(GoldenCase c, String layer, Tensor x) {
    return new LayerNorm(1, true, EPS).apply(x, c.w(layer + ".weight"), c.w(layer + ".bias"));
  }

  private static Tensor block(GoldenCase c, String at, Tensor x, double alpha) {
    Tensor normed = norm(c, at + "norm1", x);
    Tensor y = x.add(project(c, at + "attn.", normed, queriesKeysValues(c, at + "attn.", normed)));
    return y.add(ffn(c, at + "mlp.", norm(c, at + "norm2", y), alpha));
  }

  private static Map<String, Tensor> merge(GoldenCase c) {
    Map<String, Tensor> outputs = new TreeMap<>();
    Tensor qkv = merged(c, outputs, "attn.qkv", "attn.lora_qkv", "attn.lora_qkv2");
    Tensor proj = merged(c, outputs, "attn.proj", "attn.lora_proj", "attn.lora_proj2");
    Tensor fc1 = merged(c, outputs, "mlp.fc1", "mlp.lora_fc1_a", "mlp.lora_fc1_b");
    Tensor fc2 = merged(c, outputs, "mlp.fc2", "mlp.lora_fc2_a", "mlp.lora_fc2_b");
    Tensor x = c.in("x");
    long heads = c.config().get("heads").asLong();
    Tensor packed = new Linear(true).apply(norm(c, "norm1", x), qkv, c.w("attn.qkv.bias"));
    List<Tensor> parts =
        new Unbind(2).applyAll(List.of(packed.reshape(x.dim(0), x.dim(1), 3, heads, x.dim(2) / heads)));
    Tensor o = new Attention(1 / Math.sqrt(parts.getFirst().dim(-1)), false, false)
        .apply(parts.get(0), parts.get(1), parts.get(2)).reshape(x.shape());
    Tensor y = x.add(new Linear(true).apply(o, proj, c.w("attn.proj.bias")));
    Tensor hidden = new Linear(true).apply(norm(c, "norm2", y), fc1, c.w("mlp.fc1.bias")).map(Unary.Fn.GELU);
    outputs.put("y_merged", y.add(new Linear(true).apply(hidden, fc2, c.w("mlp.fc2.bias"))));
    outputs.put("y", block(c, "", x, 1));
    return outputs;
  }

  private static Tensor merged(GoldenCase c, Map<String, Tensor> outputs, String layer, String a, String b) {
    Tensor weight = c.w(layer + ".weight").add(c.w(a).matmul(c.w(b)).transpose(0, 1));
    outputs.put("merged." + layer + ".weight", weight);
    return weight;
  }
}
