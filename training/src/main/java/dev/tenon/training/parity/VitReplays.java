package dev.tenon.training.parity;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tenon.engine.Tensor;
import dev.tenon.model.Fade;
import dev.tenon.model.Weights;
import dev.tenon.model.vit.PositionResize;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitConfig;
import dev.tenon.model.vit.VitFile;
import dev.tenon.model.vit.VitOptions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Whole Vision Transformers under the names of each library, and their position embeddings; sizes and options as the case says. */
final class VitReplays {
  static final Map<String, Replay> ALL = Map.of(
      "timm_vit", VitReplays::network,
      "tv_vit", VitReplays::network,
      "hf_vit", VitReplays::network,
      "hf_deit", VitReplays::network,
      "hf_dinov2", VitReplays::network,
      "hf_clip_vision", VitReplays::network,
      "emtal_vit", VitReplays::adapted,
      "posembed_timm", c -> position(c, PositionResize.ANTIALIAS_BICUBIC),
      "posembed_timm065", c -> position(c, PositionResize.BICUBIC),
      "posembed_torchvision", c -> position(c, PositionResize.ALIGNED_BICUBIC));
  /** The reference class whose output is the tokens as the last block leaves them. */
  private static final String CLIP_TOWER = "CLIPVisionModel";

  private VitReplays() {}

  private static Map<String, Tensor> network(GoldenCase c) {
    Tensor images = c.in(c.has("in.x") ? "x" : "pixel_values");
    VitOptions options = VitOptions.DEFAULT.withImageSize((int) images.dim(2), (int) images.dim(3));
    Vit vit = VitFile.of("case " + c.name(), c.operands("w"), c.metadata(), options);
    List<Tensor> states = vit.hiddenStates(images, Fade.DONE);
    Tensor last = states.getLast();
    Tensor tokens = vit.normed(last);
    Map<String, Tensor> outputs = new HashMap<>();
    outputs.put("features", tokens);
    outputs.put("pre_logits", vit.pool(tokens));
    outputs.put("y", CLIP_TOWER.equals(c.metadata().get("class")) ? last : vit.logits(tokens));
    for (int i = 0; i < states.size(); i++) {
      outputs.put("hidden_" + i, states.get(i));
      outputs.put("feat" + (i - 1), map(vit, states.get(i), images));
    }
    return outputs;
  }

  /** EMTAL's network while its router fades. */
  private static Map<String, Tensor> adapted(GoldenCase c) {
    JsonNode config = c.config();
    Vit vit = new Vit(new Weights(c.operands("w")),
        VitConfig.timm(config.get("num_heads").asInt()).withRouterTemperature(config.get("router_tao").asDouble()));
    Tensor feature = vit.pool(vit.tokens(c.in("x"), new Fade.Constant(config.get("alpha").asDouble())));
    return Map.of("fea", feature, "y", vit.head(feature));
  }

  /** The patch tokens as a map [B, dim, rows, columns]. */
  private static Tensor map(Vit vit, Tensor tokens, Tensor images) {
    long rows = images.dim(2) / vit.patch().dim(0);
    long columns = images.dim(3) / vit.patch().dim(1);
    return tokens.slice(1, vit.prefix(), tokens.dim(1)).transpose(1, 2).reshape(tokens.dim(0), tokens.dim(2), rows, columns);
  }

  private static Map<String, Tensor> position(GoldenCase c, PositionResize resize) {
    JsonNode from = c.config().get("old");
    JsonNode to = c.config().get("new");
    return Map.of("y", resize.apply(c.in("pos_embed"), c.config().get("prefix").asInt(),
        from.get(0).asInt(), from.get(1).asInt(), to.get(0).asInt(), to.get(1).asInt()));
  }
}
