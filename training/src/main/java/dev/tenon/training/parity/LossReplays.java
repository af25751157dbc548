package dev.tenon.training.parity;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Compare;
import dev.tenon.engine.op.CrossEntropy;
import dev.tenon.engine.op.Losses;
import dev.tenon.engine.op.Normalization;
import dev.tenon.engine.op.Unary;
import java.util.Map;

/** Losses: cross entropy in all its variants, distances, angles and distillation. */
final class LossReplays {
  static final Map<String, Replay> ALL = Map.of(
      "op_ce", LossReplays::crossEntropy,
      "op_ce_soft", LossReplays::softCrossEntropy,
      "op_bce_logits", LossReplays::binaryCrossEntropy,
      "op_l1_mse_losses", LossReplays::distances,
      "op_cosine_normals", LossReplays::normals,
      "op_kl_distill", LossReplays::distillation);
  /** A label that no case uses. */
  private static final long NONE_IGNORED = -100;

  private LossReplays() {}

  private static Map<String, Tensor> crossEntropy(GoldenCase c) {
    Tensor x = c.in("x");
    Tensor target = c.in("target");
    Tensor weight = c.has("in.weight") ? c.in("weight") : null;
    double smoothing = c.config().path("ls").asDouble();
    long ignored = c.config().path("ignore").asLong(NONE_IGNORED);
    CrossEntropy op = new CrossEntropy(smoothing, ignored, weight != null);
    Tensor none = weight == null ? op.apply(x, target) : op.apply(x, target, weight);
    return Map.of(
        "none", none, "sum", none.sum(), "mean", Losses.crossEntropyMean(x, target, weight, smoothing, ignored));
  }

  private static Map<String, Tensor> softCrossEntropy(GoldenCase c) {
    Tensor weight = c.has("in.weight") ? c.in("weight") : null;
    double smoothing = c.config().path("ls").asDouble();
    Tensor none = Losses.softCrossEntropy(c.in("x"), c.in("target"), weight, smoothing);
    return Map.of("none", none, "sum", none.sum(), "mean", none.mean());
  }

  private static Map<String, Tensor> binaryCrossEntropy(GoldenCase c) {
    Tensor none = Losses.binaryCrossEntropy(c.in("x"), c.in("target"), c.in("pos_weight"));
    return Map.of(
        "none", none,
        "sum", none.sum(),
        "mean", none.mean(),
        "wmean", none.mul(c.in("weight")).mean(),
        "plain", Losses.binaryCrossEntropy(c.in("x"), c.in("target"), null).mean());
  }

  private static Map<String, Tensor> distances(GoldenCase c) {
    Tensor x = c.in("x");
    Tensor target = c.in("target");
    Tensor mask = c.in("mask");
    Tensor l1 = Losses.l1(x, target);
    Tensor squared = Losses.squaredError(x, target).mean();
    return Map.of(
        "l1_none", l1,
        "l1", l1.mean(),
        "masked_l1", l1.mul(mask).sum().div(mask.sum()),
        "mse", squared,
        "rmse", squared.map(Unary.Fn.SQRT),
        "smooth_l1", Losses.smoothL1(x, target, 0.7).mean(),
        "huber", Losses.huber(x, target, 0.8).mean());
  }

  private static Map<String, Tensor> normals(GoldenCase c) {
    Tensor x = c.in("x");
    Tensor target = c.in("target");
    DType dtype = x.dtype();
    Tensor mask = new Compare(Compare.Relation.GT).apply(target.map(Unary.Fn.ABS).sum(1), Tensor.scalar(dtype, 0)).cast(dtype);
    Tensor cosine = Losses.cosineSimilarity(x, target, 1, 1e-8);
    Tensor angle = new Unary(Unary.Fn.CLAMP, -1 + 1e-6, 1 - 1e-6).apply(cosine).map(Unary.Fn.ACOS).mul(180 / Math.PI);
    Tensor dot = Normalization.unit(x, 1, 1e-12).mul(target).sum(1);
    return Map.of(
        "cosine", cosine.mean().affine(-1, 1),
        "masked", masked(cosine, mask).affine(-1, 1),
        "dot", masked(dot, mask).affine(-1, 1),
        "angle_deg", masked(angle, mask));
  }

  private static Tensor masked(Tensor x, Tensor mask) {
    return x.mul(mask).sum().div(mask.sum());
  }

  private static Map<String, Tensor> distillation(GoldenCase c) {
    Tensor none = Losses.distillation(c.in("x"), c.in("t"), -1, c.config().get("T").asDouble());
    return Map.of("none", none, "batchmean", none.sum().mul(1.0 / none.dim(0)));
  }
}
