package dev.tenon.model.affinity;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Affinity;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Normalization;
import dev.tenon.engine.op.Unbind;
import dev.tenon.model.SameConv;
import dev.tenon.model.Weights;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Features of several tasks, each diffused along what pixels have in common in all of them (CTAL, arXiv:2401.11124, section 3).
 *
 * @param projections of each task's features to the values that are diffused
 * @param kernels [H·W, T, 3, 3], which mix the affinities of each reference pixel, and with them fix the size of the maps
 * @param bias [H·W]
 */
public record SpatialAffinity(AffinityConfig config, List<SameConv> projections, Tensor kernels, Tensor bias) {
  private static final double SHORTEST = 1e-12;

  /** The layers under {@code prefix}. */
  public static SpatialAffinity of(Weights weights, String prefix, AffinityConfig config) {
    return new SpatialAffinity(config,
        config.tasks().stream().map(task -> SameConv.of(weights, prefix + "projection." + task)).toList(),
        weights.get(prefix + "fusion.weight"), weights.get(prefix + "fusion.bias"));
  }

  /** A tensor [B, C, H, W] for each task → as many of the same shape. */
  public List<Tensor> apply(List<Tensor> features) {
    config.check(features, projections.getFirst().weight().dim(1));
    Tensor first = features.getFirst();
    if (first.dim(2) * first.dim(3) != kernels.dim(0) || kernels.dim(1) != features.size()) {
      throw new TenonException("the affinity's kernels are for " + kernels.dim(1) + " maps of " + kernels.dim(0) + " pixels, but there are "
          + features.size() + " of " + first.dim(2) + "×" + first.dim(3) + "; images must be of the size it was trained with");
    }
    Tensor values = stack(projected(features));
    Tensor f = stack(features);
    // Diffusion is linear in its kernels, so that a factor on them, which are small, stands for one on all maps.
    Tensor diffused = new Affinity().apply(
        Normalization.unit(f, 2, SHORTEST), values, kernels.mul(config.gamma()), bias.mul(config.gamma()));
    return new Unbind(1).applyAll(List.of(diffused.add(f.mul(1 - config.gamma()))));
  }

  private List<Tensor> projected(List<Tensor> features) {
    return IntStream.range(0, features.size()).mapToObj(t -> projections.get(t).apply(features.get(t))).toList();
  }

  private static Tensor stack(List<Tensor> maps) {
    return new Concat(1).apply(maps.stream().map(m -> m.reshape(m.shape().insert(1, 1))).toArray(Tensor[]::new));
  }
}
