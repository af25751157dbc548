package dev.tenon.model.affinity;

import dev.tenon.engine.Tensor;
import dev.tenon.model.Phase;
import dev.tenon.model.SameConv;
import dev.tenon.model.Weights;
import java.util.List;

/** What each task makes of the shared features before it hears of the others: features of its own, and a first prediction. */
public final class InitialHeads {
  private final List<Head> heads;

  /** What one task makes: its features [B, mid, H, W] and its prediction [B, outputs, H, W]. */
  public record Result(Tensor features, Tensor prediction) {}

  private record Head(Residual first, Residual second, SameConv predictor) {
    Result apply(Tensor x, Phase phase) {
      Tensor features = second.apply(first.apply(x, phase), phase);
      return new Result(features, predictor.apply(features));
    }
  }

  /** The heads whose tensors' names start with {@code prefix}. */
  public InitialHeads(Weights weights, String prefix, AffinityConfig config) {
    heads = config.tasks().stream()
        .map(task -> new Head(
            Residual.of(weights, prefix + "layers." + task + ".0."),
            Residual.of(weights, prefix + "layers." + task + ".1."),
            SameConv.of(weights, prefix + "conv_out." + task)))
        .toList();
  }

  /** Of shared features [B, in, H, W], in the order of the tasks. */
  public List<Result> apply(Tensor x, Phase phase) {
    return heads.stream().map(head -> head.apply(x, phase)).toList();
  }
}
