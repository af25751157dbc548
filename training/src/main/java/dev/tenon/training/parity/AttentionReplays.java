package dev.tenon.training.parity;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.Unbind;
import java.util.List;
import java.util.Map;

/** Scaled dot-product attention with every kind of bias, and the multi-head layer around it. */
final class AttentionReplays {
  static final Map<String, Replay> ALL = Map.of(
      "op_sdpa", AttentionReplays::attention,
      "op_sdpa_window", AttentionReplays::windows,
      "op_mha", AttentionReplays::multiHead);

  private AttentionReplays() {}

  private static Map<String, Tensor> attention(GoldenCase c) {
    Tensor bias = c.has("in.mask") ? NormReplays.minusInfinity(c, "mask", 0) : c.has("in.bias") ? c.in("bias") : null;
    return Map.of("y", attend(c, bias, c.name().endsWith("_causal")));
  }

  private static Map<String, Tensor> windows(GoldenCase c) {
    Tensor mask = c.in("mask");
    Tensor bias = c.in("bias");
    long windows = mask.dim(0);
    long images = c.in("q").dim(0) / windows;
    Tensor each = bias.add(mask.reshape(mask.shape().insert(1, 1)));
    Tensor all = each.reshape(each.shape().insert(0, 1)).expand(each.shape().insert(0, images));
    return Map.of("y", attend(c, all.reshape(each.shape().with(0, images * windows)), false));
  }

  private static Tensor attend(GoldenCase c, Tensor bias, boolean causal) {
    Tensor q = c.in("q").transpose(1, 2);
    Tensor k = c.in("k").transpose(1, 2);
    Tensor v = c.in("v").transpose(1, 2);
    Attention op = new Attention(1 / Math.sqrt(q.dim(-1)), causal, bias != null);
    return (bias == null ? op.apply(q, k, v) : op.apply(q, k, v, bias)).transpose(1, 2);
  }

  private static Map<String, Tensor> multiHead(GoldenCase c) {
    Tensor x = c.in("x");
    long heads = c.config().get("heads").asLong();
    long headDim = x.dim(-1) / heads;
    Tensor qkv = new Linear(true).apply(x, c.w("in_proj_weight"), c.w("in_proj_bias"));
    List<Tensor> parts =
        new Unbind(2).applyAll(List.of(qkv.reshape(x.dim(0), x.dim(1), 3, heads, headDim)));
    Tensor o = new Attention(1 / Math.sqrt(headDim), false, false).apply(parts.get(0), parts.get(1), parts.get(2));
    return Map.of("y", new Linear(true).apply(o.reshape(x.shape()), c.w("out_proj.weight"), c.w("out_proj.bias")));
  }
}
