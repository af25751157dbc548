package dev.tenon.model.affinity;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.Weights;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.LongToDoubleFunction;

/**
 * The sizes of a cross-task decoder, and with them the name and shape of its every tensor: to draw random ones, and to count them.
 *
 * @param outputs channels of each task's prediction
 * @param shared channels of the features that all tasks start from
 * @param features channels of each task's own
 * @param reduced channels of those that are exchanged
 * @param pixels of their maps, which the weights are tied to
 */
public record DecoderSizes(AffinityConfig config, List<Integer> outputs, long shared, long features, long reduced, long pixels) {
  /** How much narrower a bottleneck is than what it reads. */
  private static final long NARROWING = 4;

  public DecoderSizes {
    outputs = List.copyOf(outputs);
    if (outputs.size() != config.tasks().size()) {
      throw new TenonException("a decoder of " + config.tasks().size() + " tasks needs as many widths of predictions, not " + outputs);
    }
  }

  /** As published: behind 270 channels of all scales of an HRNet-W18. */
  public static DecoderSizes published(AffinityConfig config, List<Integer> outputs, long pixels) {
    return new DecoderSizes(config, outputs, 270, 256, 128, pixels);
  }

  /** Tensors of an {@link AffinityDecoder}. */
  public SequencedMap<String, Shape> decoder() {
    SequencedMap<String, Shape> all = new LinkedHashMap<>();
    for (int t = 0; t < outputs.size(); t++) {
      String task = config.tasks().get(t);
      residual(all, "initial_task_prediction_heads.layers." + task + ".0.", shared, features);
      residual(all, "initial_task_prediction_heads.layers." + task + ".1.", features, features);
      conv(all, "initial_task_prediction_heads.conv_out." + task, outputs.get(t), features, 1);
      residual(all, "heads." + task + ".0.", reduced, reduced);
      residual(all, "heads." + task + ".1.", reduced, reduced);
      conv(all, "heads." + task + ".2", outputs.get(t), reduced, 1);
    }
    module().forEach((name, shape) -> all.put("affinity_learning_module." + name, shape));
    return all;
  }

  /** Tensors of a {@link CrossTaskAffinity} behind convolutional features. */
  public SequencedMap<String, Shape> module() {
    SequencedMap<String, Shape> all = new LinkedHashMap<>();
    for (String task : config.tasks()) {
      conv(all, "conv_in." + task, reduced, features, 1);
      conv(all, "spatial_att.projection." + task, reduced, reduced, 3);
      conv(all, "conv_out." + task + ".0", reduced, reduced, 2);
      norm(all, "conv_out." + task + ".1", reduced);
      conv(all, "conv_out." + task + ".3", reduced, reduced, 3);
    }
    conv(all, "spatial_att.fusion", pixels, config.tasks().size(), 3);
    return all;
  }

  private static void residual(Map<String, Shape> all, String at, long in, long out) {
    long narrow = out / NARROWING;
    layer(all, at + "conv1", at + "bn1", narrow, in, 1);
    layer(all, at + "conv2", at + "bn2", narrow, narrow, 3);
    layer(all, at + "conv3", at + "bn3", out, narrow, 1);
    if (in != out) {
      layer(all, at + "downsample.0", at + "downsample.1", out, in, 1);
    }
  }

  /** A convolution without bias, whose norm has one. */
  private static void layer(Map<String, Shape> all, String conv, String norm, long out, long in, long kernel) {
    all.put(conv + ".weight", Shape.of(out, in, kernel, kernel));
    norm(all, norm, out);
  }

  private static void conv(Map<String, Shape> all, String name, long out, long in, long kernel) {
    all.put(name + ".weight", Shape.of(out, in, kernel, kernel));
    all.put(name + ".bias", Shape.of(out));
  }

  private static void norm(Map<String, Shape> all, String name, long channels) {
    for (String tensor : List.of("weight", "bias", "running_mean", "running_var")) {
      all.put(name + "." + tensor, Shape.of(channels));
    }
  }

  /** Whether the tensor of that name is a running statistic, which moves without a gradient. */
  public static boolean isStatistic(String name) {
    return name.contains(".running_");
  }

  /** Number of values in {@code tensors} that learn. */
  public static long parameters(Map<String, Shape> tensors) {
    return tensors.entrySet().stream().filter(e -> !isStatistic(e.getKey())).mapToLong(e -> e.getValue().size()).sum();
  }

  /**
   * Weights to start from, in the current scope: convolutions and their biases between ±1/√(what a filter adds up), norms as they start.
   * All but running statistics learn.
   */
  public static Weights random(Map<String, Shape> tensors, DType dtype, long seed) {
    Philox random = Philox.of(seed);
    Map<String, Tensor> weights = new LinkedHashMap<>();
    tensors.forEach((name, shape) -> weights.put(name, isStatistic(name)
        ? Tensor.full(dtype, shape, name.endsWith("_var") ? 1 : 0)
        : draw(name, shape, tensors, dtype, random).withGrad()));
    return new Weights(weights);
  }

  private static Tensor draw(String name, Shape shape, Map<String, Shape> tensors, DType dtype, Philox random) {
    boolean bias = name.endsWith(".bias");
    Shape filters = bias ? tensors.get(name.replaceFirst("bias$", "weight")) : shape;
    if (filters.rank() == 1) {
      return Tensor.full(dtype, shape, bias ? 0 : 1);
    }
    double bound = 1 / Math.sqrt(filters.product(1, 4));
    Philox numbers = random.split(name);
    LongToDoubleFunction uniform = i -> bound * (2 * numbers.uniformDouble(i) - 1);
    double[] values = new double[Math.toIntExact(shape.size())];
    Arrays.setAll(values, uniform::applyAsDouble);
    return Tensor.of(dtype, shape, values);
  }
}
