package dev.tenon.model.vit;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.Unbind;
import dev.tenon.model.Fade;
import dev.tenon.model.Norm;
import dev.tenon.model.Projection;
import dev.tenon.model.Weights;
import java.util.List;
import java.util.Optional;

/**
 * One pre-norm block: {@code x += ls1·proj(attention(qkv(norm1(x))))}, then {@code x += ls2·mlp(norm2(x))}.
 *
 * @param scale1 per-channel layer scale of the attention branch, where there is one
 * @param scale2 the same of the MLP branch
 */
record Block(
    Norm norm1, Projection qkv, Projection proj, Optional<Tensor> scale1, Norm norm2, Mlp mlp, Optional<Tensor> scale2, int heads) {

  static Block of(Weights weights, String prefix, VitConfig config) {
    return new Block(
        Norm.of(weights, prefix + "norm1", config.eps()),
        Projection.of(weights, prefix + "attn.qkv", prefix + "attn.lora_qkv", prefix + "attn.lora_qkv2"),
        Projection.of(weights, prefix + "attn.proj", prefix + "attn.lora_proj", prefix + "attn.lora_proj2"),
        weights.find(prefix + "ls1.gamma"),
        Norm.of(weights, prefix + "norm2", config.eps()),
        Mlp.of(weights, prefix + "mlp.", config),
        weights.find(prefix + "ls2.gamma"),
        config.heads());
  }

  /** [B, N, dim] → [B, N, dim]. */
  Tensor apply(Tensor x, Fade fade) {
    Tensor attended = attended(x);
    return attended.add(scaled(mlp.apply(norm2.apply(attended), fade), scale2));
  }

  private Tensor attended(Tensor x) {
    return x.add(scaled(attention(norm1.apply(x)), scale1));
  }

  /** What the router gives to each expert, over all tokens on average and before it fades, [K]; empty without a router. */
  Optional<Tensor> routing(Tensor x) {
    return mlp instanceof Mlp.Moefied m ? Optional.of(m.shares(norm2.apply(attended(x))).mean(0, 1)) : Optional.empty();
  }

  private Tensor attention(Tensor x) {
    long headDim = x.dim(2) / heads;
    List<Tensor> parts = new Unbind(2).applyAll(List.of(qkv.apply(x).reshape(x.dim(0), x.dim(1), 3, heads, headDim)));
    Tensor mixed = new Attention(1 / Math.sqrt(headDim), false, false).apply(parts.get(0), parts.get(1), parts.get(2));
    return proj.apply(mixed.reshape(x.shape()));
  }

  private static Tensor scaled(Tensor x, Optional<Tensor> scale) {
    return scale.map(x::mul).orElse(x);
  }
}
