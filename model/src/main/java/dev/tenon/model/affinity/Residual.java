package dev.tenon.model.affinity;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Unary;
import dev.tenon.model.Phase;
import dev.tenon.model.Weights;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * A residual unit (He et al., 2016): ReLU between its layers and after the sum. Basic blocks have two layers, bottlenecks three.
 *
 * @param shortcut empty where input and result have the same width
 */
record Residual(List<ConvNorm> path, Optional<ConvNorm> shortcut) {
  /** As many layers as there are names {@code conv1}, {@code conv2}, … */
  static Residual of(Weights weights, String prefix) {
    List<ConvNorm> path = IntStream.iterate(1, i -> i + 1)
        .takeWhile(i -> i == 1 || weights.find(prefix + "conv" + i + ".weight").isPresent())
        .mapToObj(i -> ConvNorm.of(weights, prefix + "conv" + i, prefix + "bn" + i))
        .toList();
    return new Residual(path, weights.find(prefix + "downsample.0.weight").map(_ -> ConvNorm.of(weights, prefix + "downsample")));
  }

  Tensor apply(Tensor x, Phase phase) {
    Tensor y = path.getFirst().apply(x, phase);
    for (ConvNorm layer : path.subList(1, path.size())) {
      y = layer.apply(y.map(Unary.Fn.RELU), phase);
    }
    return y.add(shortcut.map(s -> s.apply(x, phase)).orElse(x)).map(Unary.Fn.RELU);
  }
}
