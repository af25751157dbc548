package dev.tenon.model.swin;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Normalization;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.op.Unbind;
import dev.tenon.model.Norm;
import dev.tenon.model.Projection;
import dev.tenon.model.Weights;
import java.util.List;
import java.util.Optional;

/**
 * One block: {@code x += proj(attention(qkv(norm1(x))))} within windows, then {@code x += fc2(gelu(fc1(norm2(x))))}. In Swin V2 norms come
 * last, and scores are cosines.
 *
 * @param logScale of V2: what cosines are multiplied with, as its logarithm, [heads, 1, 1]
 */
record Block(
    Norm norm1, Projection qkv, Projection proj, Positions positions, Optional<Tensor> logScale, Norm norm2, Projection fc1,
    Projection fc2) {
  static final String LOG_SCALE = "attn.logit_scale";
  /** The largest that cosines may be multiplied with. */
  private static final double MOST_SCALE = 100;
  private static final double TINY = 1e-12;

  static Block of(Weights weights, String prefix, SwinConfig config) {
    return new Block(
        Norm.of(weights, prefix + "norm1", config.eps()),
        qkv(weights, prefix + "attn."),
        Projection.plain(weights, prefix + "attn.proj"),
        Positions.of(weights, prefix, config.window()),
        weights.find(prefix + LOG_SCALE),
        Norm.of(weights, prefix + "norm2", config.eps()),
        Projection.plain(weights, prefix + "mlp.fc1"),
        Projection.plain(weights, prefix + "mlp.fc2"));
  }

  /** In V2 keys have no bias. */
  private static Projection qkv(Weights weights, String prefix) {
    Projection.Plain plain = Projection.plain(weights, prefix + "qkv");
    return weights.find(prefix + "q_bias")
        .map(q -> new Projection.Plain(plain.weight(), Optional.of(
            new Concat(0).apply(q, Tensor.zeros(q.dtype(), q.shape()), weights.get(prefix + "v_bias")))))
        .orElse(plain);
  }

  /**
   * [B, rows, columns, dim] → the same. All but attention is token by token, so whole windows stay as they are until the end.
   *
   * @param bias what {@link Tiling#bias} makes of the positions
   */
  Tensor apply(Tensor x, Tiling tiling, Tensor bias) {
    if (logScale.isPresent()) {
      Tensor tokens = tiling.split(x);
      Tensor attended = tokens.add(norm1.apply(attention(tokens, bias)));
      return tiling.join(attended.add(norm2.apply(mlp(attended))));
    }
    if (tiling.isPadded()) {
      Tensor attended = x.add(tiling.join(attention(tiling.split(norm1.apply(x)), bias)));
      return attended.add(mlp(norm2.apply(attended)));
    }
    Tensor tokens = tiling.split(x);
    Tensor attended = tokens.add(attention(norm1.apply(tokens), bias));
    return tiling.join(attended.add(mlp(norm2.apply(attended))));
  }

  private Tensor attention(Tensor x, Tensor bias) {
    long heads = bias.dim(1);
    long headDim = x.dim(2) / heads;
    List<Tensor> parts = new Unbind(2).applyAll(List.of(qkv.apply(x).reshape(x.dim(0), x.dim(1), 3, heads, headDim)));
    Tensor mixed = logScale.map(log -> new Attention(1, false, true).apply(
            Normalization.unit(parts.get(0), 3, TINY).mul(scale(log)), Normalization.unit(parts.get(1), 3, TINY), parts.get(2), bias))
        .orElseGet(() -> new Attention(1 / Math.sqrt(headDim), false, true).apply(parts.get(0), parts.get(1), parts.get(2), bias));
    return proj.apply(mixed.reshape(x.shape()));
  }

  private static Tensor scale(Tensor log) {
    return new Unary(Unary.Fn.CLAMP, Double.NEGATIVE_INFINITY, Math.log(MOST_SCALE)).apply(log).map(Unary.Fn.EXP).reshape(-1, 1);
  }

  private Tensor mlp(Tensor x) {
    return fc2.apply(fc1.apply(x).map(Unary.Fn.GELU));
  }
}
