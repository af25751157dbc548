package dev.tenon.training.parity;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Compare;
import dev.tenon.engine.op.Losses;
import dev.tenon.engine.op.Statistics;
import dev.tenon.engine.op.Unary;
import dev.tenon.model.Phase;
import dev.tenon.model.Weights;
import dev.tenon.model.affinity.AffinityConfig;
import dev.tenon.model.affinity.AffinityDecoder;
import dev.tenon.model.affinity.CrossTaskAffinity;
import dev.tenon.model.affinity.Distillation;
import dev.tenon.model.affinity.FeaturePropagation;
import dev.tenon.model.affinity.InitialHeads;
import dev.tenon.model.affinity.ScaleFusion;
import dev.tenon.model.affinity.SpatialAffinity;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** CTAL: its module, its decoder, what surrounds them in its variants, and its losses. */
final class AffinityReplays {
  static final Map<String, Replay> ALL = Map.of(
      "emanet_spatial_attention", c -> named(c, "features_", SpatialAffinity.of(weights(c), "", config(c)).apply(features(c))),
      "emanet_affinity", AffinityReplays::module,
      "ctal_transformer_affinity", AffinityReplays::module,
      "emanet_initial_heads", AffinityReplays::initialHeads,
      "emanet_decoder", AffinityReplays::decoder,
      "emanet_hr_", c -> Map.of("y", ScaleFusion.of(weights(c), "").apply(scales(c), phase(c))),
      "emanet_fpm", c -> named(c, "", new FeaturePropagation(weights(c), "", config(c)).apply(features(c), phase(c))),
      "padnet_distillation", c -> named(c, "", new Distillation(weights(c), "", config(c)).apply(features(c))),
      "emanet_losses", AffinityReplays::losses);
  private static final String BATCHES = "num_batches_tracked";

  private AffinityReplays() {}

  private static AffinityConfig config(GoldenCase c) {
    List<String> tasks = new ArrayList<>();
    c.config().get("tasks").forEach(task -> tasks.add(task.asText()));
    return new AffinityConfig(tasks, c.config().path("gamma").asDouble());
  }

  private static Weights weights(GoldenCase c) {
    return new Weights(c.operands("w"));
  }

  private static Phase phase(GoldenCase c) {
    return c.training() ? Phase.TRAINING : Phase.EVALUATION;
  }

  private static List<Tensor> features(GoldenCase c) {
    return config(c).tasks().stream().map(task -> c.in("features_" + task)).toList();
  }

  private static List<Tensor> scales(GoldenCase c) {
    List<Tensor> scales = new ArrayList<>();
    while (c.has("in.x" + scales.size())) {
      scales.add(c.in("x" + scales.size()));
    }
    return scales;
  }

  private static Map<String, Tensor> named(GoldenCase c, String prefix, List<Tensor> perTask) {
    Map<String, Tensor> outputs = new TreeMap<>();
    List<String> tasks = config(c).tasks();
    for (int t = 0; t < tasks.size(); t++) {
      outputs.put(prefix + tasks.get(t), perTask.get(t));
    }
    return outputs;
  }

  /** The buffers as a pass in training leaves them. A network does not count its batches, of which this was one more. */
  private static void addBuffers(GoldenCase c, Map<String, Tensor> outputs) {
    c.operands("w").forEach((name, t) -> {
      if (name.contains("running_")) {
        outputs.put("buf." + name, t);
      } else if (name.endsWith(BATCHES)) {
        outputs.put("buf." + name, Tensor.of(t.dtype(), t.shape(), t.item() + 1));
      }
    });
  }

  private static Map<String, Tensor> module(GoldenCase c) {
    Map<String, Tensor> outputs =
        named(c, "features_", new CrossTaskAffinity(weights(c), "", config(c)).apply(features(c), phase(c)));
    addBuffers(c, outputs);
    return outputs;
  }

  private static Map<String, Tensor> initialHeads(GoldenCase c) {
    List<InitialHeads.Result> results = new InitialHeads(weights(c), "", config(c)).apply(c.in("x"), phase(c));
    Map<String, Tensor> outputs = named(c, "", results.stream().map(InitialHeads.Result::prediction).toList());
    outputs.putAll(named(c, "features_", results.stream().map(InitialHeads.Result::features).toList()));
    addBuffers(c, outputs);
    return outputs;
  }

  private static Map<String, Tensor> decoder(GoldenCase c) {
    JsonNode image = c.config().get("img");
    List<AffinityDecoder.Prediction> predictions = new AffinityDecoder(weights(c), config(c))
        .apply(c.in("x"), image.get(0).asInt(), image.get(1).asInt(), phase(c));
    Map<String, Tensor> outputs = named(c, "", predictions.stream().map(AffinityDecoder.Prediction::refined).toList());
    outputs.putAll(named(c, "initial_", predictions.stream().map(AffinityDecoder.Prediction::initial).toList()));
    addBuffers(c, outputs);
    return outputs;
  }

  /** Segmentation, depth and normals before and after the exchange, and their sums: of fixed weight, and of learned uncertainty. */
  private static Map<String, Tensor> losses(GoldenCase c) {
    Map<String, Tensor> outputs = new TreeMap<>();
    Tensor fixed = Tensor.scalar(c.dtype(), 0);
    Tensor learned = Tensor.scalar(c.dtype(), 0);
    List<String> tasks = List.of("semseg", "depth", "normals");
    for (String stage : List.of("", "initial_")) {
      for (String task : tasks) {
        Tensor loss = loss(c, task, c.in(stage + task));
        outputs.put(stage + task, loss);
        fixed = fixed.add(loss.mul(c.config().get("weights").get(task).asDouble()));
        Tensor uncertainty = c.in("uncert_w").select(0, tasks.indexOf(task));
        learned = learned.add(loss.mul(uncertainty.neg().map(Unary.Fn.EXP)).add(uncertainty).mul(0.5));
      }
    }
    outputs.put("total_scalar", fixed);
    outputs.put("total_uncert", learned);
    return outputs;
  }

  private static Tensor loss(GoldenCase c, String task, Tensor prediction) {
    Tensor truth = c.in(task + "_gt");
    return switch (task) {
      case "semseg" -> Losses.crossEntropyMean(prediction, truth, null, 0, -1);
      case "depth" -> masked(Losses.l1(prediction, truth), truth);
      default -> masked(prediction.div(Statistics.norm(prediction, 1).reshape(prediction.shape().with(1, 1))).mul(truth), truth)
          .affine(-1, 1);
    };
  }

  /** The sum over the pixels whose truth does not add up to zero, over their number. */
  private static Tensor masked(Tensor x, Tensor truth) {
    Tensor sum = truth.sum(1);
    DType type = x.dtype();
    Tensor mask = new Compare(Compare.Relation.NE).apply(sum, Tensor.scalar(type, 0)).cast(type);
    return x.sum(1).mul(mask).sum().div(mask.sum());
  }
}
