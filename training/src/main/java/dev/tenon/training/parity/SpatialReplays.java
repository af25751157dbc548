package dev.tenon.training.parity;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.AdaptiveBins;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.ConvTranspose2d;
import dev.tenon.engine.op.Fold;
import dev.tenon.engine.op.Interpolation;
import dev.tenon.engine.op.Interpolation.Method;
import dev.tenon.engine.op.MaxPool2d;
import dev.tenon.engine.op.PoolWindow;
import dev.tenon.engine.op.Resample2d;
import dev.tenon.engine.op.Unfold;
import dev.tenon.engine.op.Window2d;
import java.util.Map;
import java.util.TreeMap;

/** Images: convolution, pooling, interpolation, patches. */
final class SpatialReplays {
  static final Map<String, Replay> ALL = Map.ofEntries(
      Map.entry("op_conv2d_", SpatialReplays::convolution),
      Map.entry("op_convT2d_", SpatialReplays::transposedConvolution),
      Map.entry("op_maxpool", c -> Map.of("y", new MaxPool2d(window(c, 0, true), window(c, 1, true)).apply(c.in("x")))),
      Map.entry("op_avgpool", c -> Map.of("y", averagePool(c, true))),
      Map.entry("op_avgpool_nopadcount", SpatialReplays::tokenMixer),
      Map.entry("op_avgpool_k1s2", c -> Map.of("y", new Resample2d(PoolWindow.of(1, 2), PoolWindow.of(1, 2)).apply(c.in("x")))),
      Map.entry("op_adaptive_avgpool", SpatialReplays::adaptiveAverages),
      Map.entry("op_adaptive_maxpool", SpatialReplays::adaptiveMaximum),
      Map.entry("op_interp_", SpatialReplays::interpolation),
      Map.entry("op_unfold", c -> Map.of("y", new Unfold(sliding(c)).apply(c.in("x")))),
      Map.entry("op_fold", SpatialReplays::fold));

  private SpatialReplays() {}

  /** Option {@code key} for the rows (0) or the columns (1): one number for both, or one each. */
  private static JsonNode each(GoldenCase c, String key, int axis) {
    JsonNode value = c.config().path(key);
    return value.isArray() ? value.get(axis) : value;
  }

  private static int size(GoldenCase c, String key, int axis, int otherwise) {
    return each(c, key, axis).asInt(otherwise);
  }

  private static Window2d sliding(GoldenCase c) {
    return new Window2d(size(c, "k", 0, 1), size(c, "k", 1, 1), size(c, "stride", 0, 1), size(c, "stride", 1, 1),
        size(c, "pad", 0, 0), size(c, "pad", 1, 0), size(c, "dil", 0, 1), size(c, "dil", 1, 1));
  }

  private static Conv2d conv(GoldenCase c, boolean bias) {
    Window2d w = sliding(c);
    return new Conv2d(w.strideH(), w.strideW(), w.padH(), w.padW(), w.dilationH(), w.dilationW(),
        c.config().path("groups").asInt(1), bias);
  }

  private static Map<String, Tensor> convolution(GoldenCase c) {
    return Map.of("y", c.has("w.bias")
        ? conv(c, true).apply(c.in("x"), c.w("weight"), c.w("bias"))
        : conv(c, false).apply(c.in("x"), c.w("weight")));
  }

  private static Map<String, Tensor> transposedConvolution(GoldenCase c) {
    var layer = new ConvTranspose2d(conv(c, false), size(c, "opad", 0, 0), size(c, "opad", 1, 0));
    return Map.of("y", layer.apply(c.in("x"), c.w("weight"), c.has("w.bias") ? c.w("bias") : null));
  }

  private static PoolWindow window(GoldenCase c, int axis, boolean countPad) {
    int kernel = size(c, "k", axis, 1);
    return new PoolWindow(
        kernel, size(c, "s", axis, kernel), size(c, "p", axis, 0), c.config().path("ceil").asBoolean(), countPad);
  }

  private static Tensor averagePool(GoldenCase c, boolean countPad) {
    return new Resample2d(window(c, 0, countPad), window(c, 1, countPad)).apply(c.in("x"));
  }

  private static Map<String, Tensor> tokenMixer(GoldenCase c) {
    Tensor y = averagePool(c, false);
    return Map.of("y", y, "mixer", y.sub(c.in("x")));
  }

  private static Map<String, Tensor> adaptiveAverages(GoldenCase c) {
    Map<String, Tensor> outputs = new TreeMap<>();
    c.config().get("outs").forEach(out -> outputs.put("y" + outputs.size(),
        new Resample2d(new AdaptiveBins(out.get(0).asInt()), new AdaptiveBins(out.get(1).asInt())).apply(c.in("x"))));
    return outputs;
  }

  private static Map<String, Tensor> adaptiveMaximum(GoldenCase c) {
    MaxPool2d op = new MaxPool2d(new AdaptiveBins(size(c, "out", 0, 1)), new AdaptiveBins(size(c, "out", 1, 1)));
    return Map.of("y", op.apply(c.in("x")));
  }

  private static Map<String, Tensor> interpolation(GoldenCase c) {
    return Map.of("y", new Resample2d(interpolation(c, 0), interpolation(c, 1)).apply(c.in("x")));
  }

  private static Interpolation interpolation(GoldenCase c, int axis) {
    Method method = method(
        c.config().get("mode").asText(), c.config().path("align").asBoolean(), c.config().path("antialias").asBoolean());
    return c.config().has("scale")
        ? Interpolation.by(method, each(c, "scale", axis).asDouble())
        : Interpolation.to(method, size(c, "size", axis, 1));
  }

  private static Method method(String mode, boolean aligned, boolean antialias) {
    return switch (mode) {
      case "nearest" -> Method.NEAREST;
      case "nearest-exact" -> Method.NEAREST_EXACT;
      case "bilinear" -> aligned ? Method.LINEAR_ALIGNED : antialias ? Method.LINEAR_ANTIALIAS : Method.LINEAR;
      case "bicubic" -> aligned ? Method.CUBIC_ALIGNED : antialias ? Method.CUBIC_ANTIALIAS : Method.CUBIC;
      default -> throw new TenonException("interpolation mode '" + mode + "' is none that Tenon has");
    };
  }

  private static Map<String, Tensor> fold(GoldenCase c) {
    return Map.of("y", new Fold(sliding(c), size(c, "out", 0, 1), size(c, "out", 1, 1)).apply(c.in("x")));
  }
}
