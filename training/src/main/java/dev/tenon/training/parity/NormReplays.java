package dev.tenon.training.parity;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.LogSoftmax;
import dev.tenon.engine.op.Normalization;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.Statistics;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/** Normalizations: softmax, layer, group and batch norm, unit length. */
final class NormReplays {
  static final Map<String, Replay> ALL = Map.of(
      "op_softmax", c -> overEachAxis(c, axis -> new Softmax(axis).apply(c.in("x"))),
      "op_log_softmax", c -> overEachAxis(c, axis -> new LogSoftmax(axis).apply(c.in("x"))),
      "op_softmax_extreme", c -> Map.of("y", new Softmax(-1).apply(c.in("x").add(minusInfinity(c, "mask", 1)))),
      "op_gram_softmax", NormReplays::gramSoftmax,
      "op_layer_norm", NormReplays::layerNorm,
      "op_group_norm", NormReplays::groupNorm,
      "op_batch_norm", NormReplays::batchNorm,
      "op_l2_normalize", NormReplays::l2Normalize);

  private NormReplays() {}

  private static Map<String, Tensor> overEachAxis(GoldenCase c, IntFunction<Tensor> op) {
    Map<String, Tensor> outputs = new TreeMap<>();
    JsonNode axes = c.config().get("dims");
    IntStream.range(0, axes.size()).forEach(i -> outputs.put("y" + i, op.apply(axes.get(i).asInt())));
    return outputs;
  }

  /** 0, and −∞ where integer input {@code mask} is {@code excluded}. */
  static Tensor minusInfinity(GoldenCase c, String mask, double excluded) {
    Tensor flags = c.in(mask);
    double[] bias = Arrays.stream(flags.toDoubles()).map(m -> m == excluded ? Double.NEGATIVE_INFINITY : 0).toArray();
    return Tensor.of(c.dtype(), flags.shape(), bias);
  }

  private static Map<String, Tensor> layerNorm(GoldenCase c) {
    int dims = c.config().path("dims").asInt(1);
    double eps = c.config().get("eps").asDouble();
    return Map.of("y", c.has("w.weight")
        ? new LayerNorm(dims, true, eps).apply(c.in("x"), c.w("weight"), c.w("bias"))
        : new LayerNorm(dims, false, eps).apply(c.in("x")));
  }

  private static Map<String, Tensor> groupNorm(GoldenCase c) {
    int groups = c.config().get("groups").asInt();
    double eps = c.config().get("eps").asDouble();
    return Map.of("y", Normalization.groupNorm(c.in("x"), c.w("weight"), c.w("bias"), groups, eps));
  }

  private static Map<String, Tensor> batchNorm(GoldenCase c) {
    double eps = c.config().get("eps").asDouble();
    double momentum = c.config().get("momentum").asDouble();
    Tensor mean = c.w("running_mean");
    Tensor variance = c.w("running_var");
    if (!c.training()) {
      return Map.of("y", Normalization.frozenBatchNorm(c.in("x"), c.w("weight"), c.w("bias"), mean, variance, eps));
    }
    Tensor y = Normalization.batchNorm(c.in("x"), c.w("weight"), c.w("bias"), mean, variance, momentum, eps);
    return Map.of("y", y, "running_mean", mean, "running_var", variance);
  }

  private static Map<String, Tensor> l2Normalize(GoldenCase c) {
    Tensor x = c.in("x");
    int axis = c.config().get("dim").asInt();
    Tensor length = Statistics.norm(x, axis).reshape(x.shape().with(axis, 1));
    return Map.of("y", Normalization.unit(x, axis, 1e-12), "z", x.div(length.add(1e-12)));
  }

  private static Map<String, Tensor> gramSoftmax(GoldenCase c) {
    Tensor map = c.in("x");
    Tensor x = map.reshape(map.dim(0), map.dim(1), -1);
    Tensor f = Normalization.unit(x, 1, 1e-12);
    Tensor gram = f.transpose(1, 2).matmul(f);
    Tensor affinity = new Softmax(-1).apply(gram.mul(1 / c.config().get("tau").asDouble()));
    return Map.of("gram", gram, "aff", affinity, "y", x.matmul(affinity.transpose(1, 2)).reshape(map.shape()));
  }
}
