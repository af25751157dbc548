package dev.tenon.model.swin;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Pad;
import dev.tenon.model.Norm;
import dev.tenon.model.Projection;
import dev.tenon.model.Weights;
import java.util.List;

/**
 * What lies between two stages: each square of four pixels becomes one, their channels one after the other, normed and projected; in V2
 * the other way around.
 */
record Merging(Norm norm, Projection reduction) {
  static Merging of(Weights weights, String prefix, double eps) {
    return new Merging(Norm.of(weights, prefix + "norm", eps), Projection.plain(weights, prefix + "reduction"));
  }

  /** [B, rows, columns, dim] → [B, rows / 2, columns / 2, 2 · dim]; zeros make an odd side even. */
  Tensor apply(Tensor x) {
    Tensor even = x.dim(1) % 2 == 0 && x.dim(2) % 2 == 0 ? x
        : new Pad(List.of(0L, 0L, 0L, 0L), List.of(0L, x.dim(1) % 2, x.dim(2) % 2, 0L), 0).apply(x);
    long rows = even.dim(1) / 2;
    long columns = even.dim(2) / 2;
    Tensor squares = even.reshape(even.dim(0), rows, 2, columns, 2, even.dim(3)).permute(0, 1, 3, 4, 2, 5)
        .reshape(even.dim(0), rows, columns, 4 * even.dim(3));
    return norm.weight().dim(0) == squares.dim(3) ? reduction.apply(norm.apply(squares)) : norm.apply(reduction.apply(squares));
  }
}
