package dev.tenon.model.swin;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.op.Unbind;
import dev.tenon.model.Norm;
import dev.tenon.model.Projection;
import dev.tenon.model.Weights;
import java.util.List;

/**
 * One block: {@code x += proj(attention(qkv(norm1(x))))} within windows, then {@code x += fc2(gelu(fc1(norm2(x))))}.
 *
 * @param table of relative positions, [offsets, heads]
 */
record Block(Norm norm1, Projection qkv, Projection proj, Tensor table, Norm norm2, Projection fc1, Projection fc2) {
  static final String TABLE = "attn.relative_position_bias_table";

  static Block of(Weights weights, String prefix, double eps) {
    return new Block(
        Norm.of(weights, prefix + "norm1", eps),
        Projection.plain(weights, prefix + "attn.qkv"),
        Projection.plain(weights, prefix + "attn.proj"),
        weights.get(prefix + TABLE),
        Norm.of(weights, prefix + "norm2", eps),
        Projection.plain(weights, prefix + "mlp.fc1"),
        Projection.plain(weights, prefix + "mlp.fc2"));
  }

  /**
   * [B, rows, columns, dim] → the same. All but attention is token by token, so whole windows stay as they are until the end.
   *
   * @param bias what {@link Tiling#bias} makes of the table
   */
  Tensor apply(Tensor x, Tiling tiling, Tensor bias) {
    if (tiling.isPadded()) {
      return mlp(x.add(tiling.join(attention(tiling.split(norm1.apply(x)), bias))));
    }
    Tensor tokens = tiling.split(x);
    return tiling.join(mlp(tokens.add(attention(norm1.apply(tokens), bias))));
  }

  private Tensor attention(Tensor x, Tensor bias) {
    long heads = table.dim(1);
    long headDim = x.dim(2) / heads;
    List<Tensor> parts = new Unbind(2).applyAll(List.of(qkv.apply(x).reshape(x.dim(0), x.dim(1), 3, heads, headDim)));
    Tensor mixed = new Attention(1 / Math.sqrt(headDim), false, true).apply(parts.get(0), parts.get(1), parts.get(2), bias);
    return proj.apply(mixed.reshape(x.shape()));
  }

  private Tensor mlp(Tensor x) {
    return x.add(fc2.apply(fc1.apply(norm2.apply(x)).map(Unary.Fn.GELU)));
  }
}
