package dev.tenon.training.parity;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Gradients;
import dev.tenon.engine.op.Concat;
import dev.tenon.training.optim.GradientClip;
import dev.tenon.training.optim.Optimizer;
import dev.tenon.training.optim.Rule;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Optimizers, step by step under given gradients. */
final class OptimReplays {
  private OptimReplays() {}

  static Map<String, Tensor> run(GoldenCase c) {
    JsonNode config = c.config();
    Map<String, Tensor> parameters = new TreeMap<>();
    Map<String, List<Tensor>> paths = new TreeMap<>();
    c.operands("in").forEach((name, tensor) -> {
      if (name.startsWith("p.")) {
        parameters.put(name.substring(2), tensor.copy());
        paths.put(name, new ArrayList<>());
      }
    });
    Optimizer optimizer = new Optimizer(rule(config), parameters);
    List<Tensor> norms = new ArrayList<>();
    double lr = config.get("lr").asDouble();
    long steps = c.in("grad." + parameters.keySet().iterator().next()).dim(0);
    for (long step = 0; step < steps; step++) {
      Gradients gradients = new Gradients();
      for (var entry : parameters.entrySet()) {
        gradients.add(entry.getValue(), c.in("grad." + entry.getKey()).select(0, step));
      }
      double[] next = optimizer.next(lr);
      Tensor rates = Tensor.of(optimizer.type(), Shape.of(next.length), next);
      if (config.has("clip")) {
        Tensor norm = GradientClip.norm(gradients, parameters.values());
        norms.add(norm.reshape(1));
        rates = new GradientClip(config.get("clip").asDouble()).apply(rates, norm);
      }
      optimizer.apply(gradients, rates);
      lr *= config.path("lr_decay").asDouble(1);
      parameters.forEach((name, p) -> paths.get("p." + name).add(p.copy().reshape(p.shape().insert(0, 1))));
    }
    Map<String, Tensor> outputs = new TreeMap<>();
    optimizer.state().forEach((name, tensor) -> outputs.put("state." + name, tensor));
    paths.forEach((name, path) -> outputs.put(name, new Concat(0).applyAll(path).getFirst()));
    if (!norms.isEmpty()) {
      outputs.put("total_norm", new Concat(0).applyAll(norms).getFirst());
    }
    return outputs;
  }

  private static Rule rule(JsonNode config) {
    double weightDecay = config.path("weight_decay").asDouble();
    boolean amsgrad = config.path("amsgrad").asBoolean();
    return switch (config.get("opt").asText()) {
      case "AdamW" -> new Rule.AdamW(0.9, 0.999, 1e-8, weightDecay, amsgrad);
      case "Adam" -> new Rule.Adam(0.9, 0.999, 1e-8, weightDecay, amsgrad);
      case "SGD" -> new Rule.Sgd(config.path("momentum").asDouble(), config.path("dampening").asDouble(),
          config.path("nesterov").asBoolean(), weightDecay);
      default -> throw new TenonException("optimizer '" + config.get("opt").asText() + "' is none that Tenon has");
    };
  }
}
