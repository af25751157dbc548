package dev.tenon.training.parity;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Affinity;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Normalization;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The core of CTAL: what each task's features become when they are diffused along the affinities of all tasks. */
final class AffinityReplay {
  private static final double SHORTEST = 1e-12;

  private AffinityReplay() {}

  static Map<String, Tensor> run(GoldenCase c) {
    Conv2d projection = new Conv2d(1, 1, 1, 1, 1, 1, 1, true);
    List<String> tasks = new ArrayList<>();
    c.config().get("tasks").forEach(task -> tasks.add(task.asText()));
    List<Tensor> features = new ArrayList<>();
    List<Tensor> values = new ArrayList<>();
    for (String task : tasks) {
      Tensor f = c.in("features_" + task);
      features.add(one(f));
      values.add(one(projection.apply(f, c.w("projection." + task + ".weight"), c.w("projection." + task + ".bias"))));
    }
    Tensor f = stack(features);
    Tensor diffused = new Affinity().apply(
        Normalization.unit(f, 2, SHORTEST), stack(values), c.w("fusion.weight"), c.w("fusion.bias"));
    double gamma = c.config().get("gamma").asDouble();
    Tensor blended = diffused.mul(gamma).add(f.mul(1 - gamma));
    Map<String, Tensor> outputs = new TreeMap<>();
    for (int t = 0; t < tasks.size(); t++) {
      outputs.put("features_" + tasks.get(t), blended.select(1, t));
    }
    return outputs;
  }

  private static Tensor one(Tensor map) {
    return map.reshape(map.shape().insert(1, 1));
  }

  private static Tensor stack(List<Tensor> maps) {
    return new Concat(1).apply(maps.toArray(Tensor[]::new));
  }
}
