package dev.tenon.training.parity;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.LogSoftmax;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.Unary;
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
    Tensor x = c.in("x");
    long groups = c.config().get("groups").asLong();
    Tensor y = new LayerNorm(1, false, c.config().get("eps").asDouble()).apply(x.reshape(x.dim(0), groups, -1));
    return Map.of("y", y.reshape(x.shape()).mul(perChannel(c.w("weight"), x)).add(perChannel(c.w("bias"), x)));
  }

  private static Map<String, Tensor> batchNorm(GoldenCase c) {
    Tensor x = c.in("x");
    double eps = c.config().get("eps").asDouble();
    double momentum = c.config().get("momentum").asDouble();
    Map<String, Tensor> outputs = new TreeMap<>();
    Tensor mean = c.w("running_mean");
    Tensor variance = c.w("running_var");
    if (c.training()) {
      int[] others = IntStream.range(0, x.rank()).filter(d -> d != 1).toArray();
      double count = (double) x.size() / x.dim(1);
      mean = x.mean(others);
      Tensor centered = x.sub(perChannel(mean, x));
      variance = centered.mul(centered).mean(others);
      Tensor unbiased = variance.mul(count / (count - 1));
      outputs.put("running_mean", c.w("running_mean").mul(1 - momentum).add(mean.mul(momentum)));
      outputs.put("running_var", c.w("running_var").mul(1 - momentum).add(unbiased.mul(momentum)));
    }
    Tensor rstd = power(variance.add(eps), -0.5);
    Tensor y = x.sub(perChannel(mean, x)).mul(perChannel(rstd.mul(c.w("weight")), x));
    outputs.put("y", y.add(perChannel(c.w("bias"), x)));
    return outputs;
  }

  /** {@code [channels]} so that it broadcasts over dimension 1 of {@code x}. */
  static Tensor perChannel(Tensor values, Tensor x) {
    long[] dims = new long[x.rank() - 1];
    Arrays.fill(dims, 1);
    dims[0] = values.dim(0);
    return values.reshape(dims);
  }

  /** {@code x^exponent} of positive numbers. */
  static Tensor power(Tensor x, double exponent) {
    return x.map(Unary.Fn.LOG).mul(exponent).map(Unary.Fn.EXP);
  }

  private static Map<String, Tensor> l2Normalize(GoldenCase c) {
    Tensor x = c.in("x");
    int axis = c.config().get("dim").asInt();
    Tensor norm = norm(x, axis);
    return Map.of("y", x.div(norm), "z", x.div(norm.add(1e-12)));
  }

  /** The Euclidean length along {@code axis}, which stays with extent 1; for vectors that are not zero. */
  static Tensor norm(Tensor x, int axis) {
    Tensor square = x.mul(x).sum(axis);
    return power(square, 0.5).reshape(x.shape().with(axis, 1));
  }

  private static Map<String, Tensor> gramSoftmax(GoldenCase c) {
    Tensor map = c.in("x");
    Tensor x = map.reshape(map.dim(0), map.dim(1), -1);
    Tensor f = x.div(norm(x, 1));
    Tensor gram = f.transpose(1, 2).matmul(f);
    Tensor affinity = new Softmax(-1).apply(gram.mul(1 / c.config().get("tau").asDouble()));
    return Map.of("gram", gram, "aff", affinity, "y", x.matmul(affinity.transpose(1, 2)).reshape(map.shape()));
  }
}
