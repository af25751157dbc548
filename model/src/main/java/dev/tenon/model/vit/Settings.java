package dev.tenon.model.vit;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.op.Unary;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What a file says about the ViT in it, under the keys of timm, Hugging Face and Tenon. */
final class Settings {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String CONFIG = "config";
  private static final Pattern EXTENT = Pattern.compile("\\d{1,6}");

  private final String title;
  private final List<JsonNode> sources = new ArrayList<>();

  /**
   * Reads a file's metadata, of which {@code config} may be JSON, and a configuration beside it.
   *
   * @param title names the file in messages
   * @param config JSON; empty when there is none
   */
  Settings(String title, Map<String, String> metadata, String config) {
    this.title = title;
    ObjectNode flat = JSON.createObjectNode();
    metadata.forEach(flat::put);
    sources.add(flat);
    add(metadata.getOrDefault(CONFIG, ""));
    add(config);
  }

  private void add(String json) {
    if (json.isBlank()) {
      return;
    }
    try {
      JsonNode node = JSON.readTree(json);
      Stream.of(node.path("vision_config"), node.path("model_args"), node, node.path("pretrained_cfg"))
          .filter(JsonNode::isObject)
          .forEach(sources::add);
    } catch (JsonProcessingException e) {
      throw new TenonException(title + ": its configuration is not valid JSON; mend or remove it", e);
    }
  }

  private Optional<JsonNode> find(String... keys) {
    return sources.stream()
        .flatMap(source -> Stream.of(keys).map(source::path))
        .filter(value -> value.isNumber() || value.isArray() || !value.asText("").isEmpty())
        .findFirst();
  }

  private <T> Optional<T> find(String what, Function<JsonNode, T> read, String... keys) {
    return find(keys).map(value -> {
      T result = read.apply(value);
      if (result == null) {
        throw new TenonException(title + ": its " + what + " is " + value + ", which Tenon does not know; give another one");
      }
      return result;
    });
  }

  Optional<Integer> heads() {
    return find("number of heads", v -> v.asInt() > 0 ? v.asInt() : null, "num_attention_heads", "num_heads", "heads");
  }

  Optional<Double> eps() {
    return find("norm epsilon", v -> v.asDouble(-1) >= 0 ? v.asDouble() : null, "layer_norm_eps", "norm_eps");
  }

  Optional<VitConfig.Pooling> pooling() {
    return find("pooling", v -> switch (v.asText()) {
      case "token" -> VitConfig.Pooling.TOKEN;
      case "avg" -> VitConfig.Pooling.AVERAGE;
      case "token+avg" -> VitConfig.Pooling.TOKEN_AND_AVERAGE;
      default -> null;
    }, "global_pool");
  }

  Optional<Unary.Fn> activation() {
    return find("activation", v -> switch (v.asText()) {
      case "gelu" -> Unary.Fn.GELU;
      case "quick_gelu" -> Unary.Fn.QUICK_GELU;
      case "gelu_new", "gelu_pytorch_tanh", "gelu_tanh" -> Unary.Fn.GELU_TANH;
      case "relu" -> Unary.Fn.RELU;
      case "silu", "swish" -> Unary.Fn.SILU;
      default -> null;
    }, "hidden_act", "act_layer");
  }

  /** Pixels of an image, height and width. */
  Optional<int[]> imageSize() {
    return find("image size", Settings::extents, "image_size", "img_size", "input_size");
  }

  private static int[] extents(JsonNode value) {
    List<Integer> numbers = new ArrayList<>();
    if (value.isArray()) {
      value.forEach(n -> numbers.add(n.asInt()));
    } else {
      EXTENT.matcher(value.asText()).results().forEach(m -> numbers.add(Integer.valueOf(m.group())));
    }
    return numbers.isEmpty() ? null : new int[] {numbers.get(Math.max(0, numbers.size() - 2)), numbers.getLast()};
  }

  /** What {@link Settings} reads back of {@code config}. */
  static Map<String, String> describe(VitConfig config) {
    return Map.of(
        "num_heads", Integer.toString(config.heads()),
        "layer_norm_eps", Double.toString(config.eps()),
        "global_pool", switch (config.pooling()) {
          case TOKEN -> "token";
          case AVERAGE -> "avg";
          case TOKEN_AND_AVERAGE -> "token+avg";
        },
        "hidden_act", switch (config.activation()) {
          case GELU -> "gelu";
          case QUICK_GELU -> "quick_gelu";
          case GELU_TANH -> "gelu_pytorch_tanh";
          case RELU -> "relu";
          case SILU -> "silu";
          default -> throw new TenonException("a file cannot say that the activation is " + config.activation()
              + "; save networks with GELU, QUICK_GELU, GELU_TANH, RELU or SILU");
        });
  }
}
