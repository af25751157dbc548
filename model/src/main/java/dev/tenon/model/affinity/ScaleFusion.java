package dev.tenon.model.affinity;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Interpolation;
import dev.tenon.engine.op.Interpolation.Method;
import dev.tenon.engine.op.Resample2d;
import dev.tenon.engine.op.Unary;
import dev.tenon.model.Phase;
import dev.tenon.model.SameConv;
import dev.tenon.model.Weights;
import java.util.List;
import java.util.Optional;

/** Joins the scales of a high-resolution network (Sun et al., 2019) at the size of the first; as a head it predicts from them, too. */
public record ScaleFusion(ConvNorm mixing, Optional<SameConv> predictor) {
  /** The layers of {@code last_layer} under {@code prefix}. */
  public static ScaleFusion of(Weights weights, String prefix) {
    String layer = prefix + "last_layer";
    return new ScaleFusion(
        ConvNorm.of(weights, layer), weights.find(layer + ".3.weight").map(_ -> SameConv.of(weights, layer + ".3")));
  }

  /** Maps [B, Cᵢ, Hᵢ, Wᵢ] → [B, out, H₀, W₀]. */
  public Tensor apply(List<Tensor> scales, Phase phase) {
    long channels = scales.stream().mapToLong(s -> s.dim(1)).sum();
    long read = mixing.conv().weight().dim(1);
    if (channels != read) {
      throw new TenonException("the fusion of scales reads " + read + " channels, but the " + scales.size() + " scales have " + channels);
    }
    int height = (int) scales.getFirst().dim(2);
    int width = (int) scales.getFirst().dim(3);
    Resample2d toFirst = new Resample2d(Interpolation.to(Method.LINEAR, height), Interpolation.to(Method.LINEAR, width));
    Tensor[] same = scales.stream().map(s -> s.dim(2) == height && s.dim(3) == width ? s : toFirst.apply(s)).toArray(Tensor[]::new);
    Tensor mixed = mixing.apply(new Concat(1).apply(same), phase).map(Unary.Fn.RELU);
    return predictor.map(p -> p.apply(mixed)).orElse(mixed);
  }
}
