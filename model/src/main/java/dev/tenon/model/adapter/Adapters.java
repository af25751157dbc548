package dev.tenon.model.adapter;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.model.Weights;
import dev.tenon.model.vit.Vit;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongToDoubleFunction;

/** What all adapters share: which weights learn, and how new ones are drawn. */
public final class Adapters {
  private Adapters() {}

  /** Whether an adapted network trains the weight of that name (EMTAL §2.4): updates, routers and heads. */
  public static boolean isTrained(String name) {
    return name.contains("lora") || name.startsWith("head");
  }

  static void requirePlain(Vit vit) {
    if (vit.weights().asMap().keySet().stream().anyMatch(n -> n.contains("lora"))) {
      throw new TenonException("the network has adapters already; merge them before adding others");
    }
  }

  /** {@code plain} with weights added or replaced; what {@link #isTrained} requires gradients, the rest does not. */
  static Vit trainable(Vit plain, Map<String, Tensor> added) {
    Map<String, Tensor> all = new LinkedHashMap<>();
    plain.weights().with(added).asMap().forEach((name, t) -> all.put(name, isTrained(name) ? t.withGrad() : t.detach()));
    return new Vit(new Weights(all), plain.config());
  }

  /** A tensor whose element {@code i} is {@code values(i)}. */
  public static Tensor filled(DType dtype, Shape shape, LongToDoubleFunction values) {
    double[] v = new double[Math.toIntExact(shape.size())];
    Arrays.setAll(v, values::applyAsDouble);
    return Tensor.of(dtype, shape, v);
  }
}
