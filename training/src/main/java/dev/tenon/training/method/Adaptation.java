package dev.tenon.training.method;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.Network;
import dev.tenon.model.Weights;
import dev.tenon.model.adapter.Adapters;
import dev.tenon.model.adapter.Lora;
import dev.tenon.model.adapter.MoefiedLora;
import dev.tenon.model.vit.Vit;
import dev.tenon.training.recipe.MethodSpec;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** From a pretrained network to the one a method trains: a new head, and the method's adapters. */
public final class Adaptation {
  private static final double HEAD_STD = 0.02;

  private Adaptation() {}

  /** The network to train, in the current scope; exactly its learning weights require gradients. */
  public static Vit of(MethodSpec method, Vit pretrained, int classes, long seed) {
    Vit plain = withHead(pretrained, classes, seed);
    return switch (method) {
      case MethodSpec.LinearProbe _ -> learning(plain, name -> name.startsWith("head"));
      case MethodSpec.Full _ -> learning(plain, _ -> true);
      case MethodSpec.Lora lora -> lora(lora, seed).adapt(plain);
      case MethodSpec.MoefiedLora moe -> moefied(moe, plain, seed);
      case MethodSpec.Emtal emtal -> moefied(emtal.adapter(), plain, seed);
    };
  }

  /** The weights of a network that learn, by name. */
  public static Map<String, Tensor> learning(Network network) {
    Map<String, Tensor> learning = new LinkedHashMap<>();
    network.weights().asMap().forEach((name, t) -> {
      if (t.requiresGrad()) {
        learning.put(name, t);
      }
    });
    return learning;
  }

  private static Vit learning(Vit plain, Predicate<String> learns) {
    Map<String, Tensor> all = new LinkedHashMap<>();
    plain.weights().asMap().forEach((name, t) -> all.put(name, learns.test(name) ? t.withGrad() : t.detach()));
    return new Vit(new Weights(all), plain.config());
  }

  /** A head for {@code classes} classes: truncated normal weights, zero bias (EMTAL §7). */
  private static Vit withHead(Vit pretrained, int classes, long seed) {
    DType dtype = pretrained.weights().get("pos_embed").dtype();
    var values = Philox.of(seed).split("head.weight").truncatedNormal(HEAD_STD, -2, 2);
    return pretrained.withHead(
        Adapters.filled(dtype, Shape.of(classes, pretrained.featureDim()), values),
        Tensor.zeros(dtype, Shape.of(classes)));
  }

  private static Lora lora(MethodSpec.Lora spec, long seed) {
    Set<Lora.Target> targets = spec.targets().stream()
        .map(target -> Lora.Target.valueOf(target.name()))
        .collect(Collectors.toCollection(() -> EnumSet.noneOf(Lora.Target.class)));
    return new Lora(spec.rank(), targets, spec.initStd(), seed);
  }

  private static Vit moefied(MethodSpec.MoefiedLora spec, Vit plain, long seed) {
    MoefiedLora moefied = new MoefiedLora(spec.experts(), lora(spec.lora(), seed), spec.clusterRestarts(), spec.clusterIterations());
    return moefied.adapt(new Vit(plain.weights(), plain.config().withRouterTemperature(spec.routerTemperature())));
  }
}
