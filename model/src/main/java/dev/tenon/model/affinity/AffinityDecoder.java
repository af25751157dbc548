package dev.tenon.model.affinity;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Interpolation;
import dev.tenon.engine.op.Interpolation.Method;
import dev.tenon.engine.op.Resample2d;
import dev.tenon.model.Phase;
import dev.tenon.model.SameConv;
import dev.tenon.model.Weights;
import java.util.ArrayList;
import java.util.List;

/** The decoder of CTAL between shared features and the predictions of all tasks, which it makes twice: both are supervised. */
public final class AffinityDecoder {
  private final InitialHeads initial;
  private final CrossTaskAffinity affinity;
  private final List<Head> heads;

  /** One task's predictions before and after the tasks exchanged what they know, [B, outputs, height, width]. */
  public record Prediction(Tensor initial, Tensor refined) {}

  private record Head(Residual first, Residual second, SameConv predictor) {
    Tensor apply(Tensor x, Phase phase) {
      return predictor.apply(second.apply(first.apply(x, phase), phase));
    }
  }

  /** The decoder over {@code weights}, which have the reference's names; their memory must outlive it. */
  public AffinityDecoder(Weights weights, AffinityConfig config) {
    initial = new InitialHeads(weights, "initial_task_prediction_heads.", config);
    affinity = new CrossTaskAffinity(weights, "affinity_learning_module.", config);
    heads = config.tasks().stream()
        .map(task -> "heads." + task + ".")
        .map(head -> new Head(
            Residual.of(weights, head + "0."), Residual.of(weights, head + "1."), SameConv.of(weights, head + "2")))
        .toList();
  }

  /** Predictions for images of {@code height}×{@code width} of their features [B, in, H, W], in the order of the tasks. */
  public List<Prediction> apply(Tensor x, int height, int width, Phase phase) {
    Resample2d toImage = new Resample2d(Interpolation.to(Method.LINEAR, height), Interpolation.to(Method.LINEAR, width));
    List<InitialHeads.Result> first = initial.apply(x, phase);
    List<Tensor> features = affinity.apply(first.stream().map(InitialHeads.Result::features).toList(), phase);
    List<Prediction> predictions = new ArrayList<>();
    for (int t = 0; t < heads.size(); t++) {
      predictions.add(new Prediction(
          toImage.apply(first.get(t).prediction()), toImage.apply(heads.get(t).apply(features.get(t), phase))));
    }
    return predictions;
  }
}
