package dev.tenon.training.parity;

import dev.tenon.engine.Tensor;
import dev.tenon.model.swin.Swin;
import dev.tenon.model.swin.SwinFile;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Whole Swin Transformers under the names of each library, with the maps that each tells of; sizes as the tensors say. */
final class SwinReplays {
  static final Map<String, Replay> ALL = Map.of(
      "ms_swin", SwinReplays::network,
      "timm_swin", SwinReplays::network,
      "tv_swin", SwinReplays::network,
      "hf_swin", SwinReplays::network);

  private SwinReplays() {}

  private static Map<String, Tensor> network(GoldenCase c) {
    Tensor images = c.in(c.has("in.x") ? "x" : "pixel_values");
    boolean second = "swinv2".equals(c.config().path("model_type").asText());
    Swin swin = SwinFile.of("case " + c.name(), c.operands("w"), second ? c.config().get("window_size").asInt() : 0);
    List<Tensor> states = swin.states(images);
    int last = states.size() - 1;
    Map<String, Tensor> outputs = new HashMap<>();
    outputs.put("y", swin.head(swin.pool(states.get(last))));
    boolean timm = c.name().startsWith("timm");
    put(c, outputs, "patch_embed", states.getFirst());
    put(c, outputs, "hidden_0", states.getFirst());
    for (int i = 0; i <= last; i++) {
      put(c, outputs, "features" + i, states.get(i));
    }
    for (int i = 0; 2 * i < last; i++) {
      // What leads to the next stage ends a stage, but for timm.
      Tensor end = states.get(timm ? 2 * i + 1 : Math.min(2 * i + 2, last));
      put(c, outputs, "layer" + i, end);
      put(c, outputs, "hidden_" + (i + 1), end);
    }
    return outputs;
  }

  /** A map, or its tokens where the case has those. */
  private static void put(GoldenCase c, Map<String, Tensor> outputs, String name, Tensor map) {
    GoldenCase.Expected expected = c.expected().get("out." + name);
    if (expected != null) {
      outputs.put(name, expected.shape().rank() == 3 ? map.reshape(map.dim(0), -1, map.dim(3)) : map);
    }
  }
}
