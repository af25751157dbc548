package dev.tenon.training.model;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.op.Unary;
import dev.tenon.model.vit.VitConfig;
import dev.tenon.training.image.ExifOrientation;
import dev.tenon.training.image.Interpolation;
import dev.tenon.training.recipe.AugmentSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;

/** Spells a {@link ModelCard} as the metadata of a safetensors file: a few keys, each a line of JSON that other programs can read. */
final class CardText {
  private static final JsonMapper JSON = new JsonMapper();
  private static final String KIND = "tenon.kind";
  private static final String TASKS = "tenon.tasks";
  private static final String INPUT = "tenon.input";
  private static final String NETWORK = "tenon.network";
  private static final String TRAINING = "tenon.training";

  private final Path file;
  private final Map<String, String> metadata;

  private CardText(Path file, Map<String, String> metadata) {
    this.file = file;
    this.metadata = metadata;
  }

  /** The metadata that {@link #parse} reads; {@code format} is what the PyTorch loaders ask for. */
  static Map<String, String> of(ModelCard card) {
    Map<String, String> text = new LinkedHashMap<>();
    text.put("format", "pt");
    text.put(KIND, card.kindName());
    text.put(TASKS, json(card.tasks().stream().map(t -> ordered("name", t.name(), "classes", t.classes())).toList()));
    InputSpec input = card.input();
    text.put(INPUT, json(ordered(
        "image_size", input.imageSize(),
        "crop", spelled(input.crop()),
        "crop_pct", input.cropPercent(),
        "interpolation", spelled(input.interpolation()),
        "antialias", input.antialias(),
        "mean", input.mean(),
        "std", input.std(),
        "exif", spelled(input.exif()),
        "short_side", input.shortSide())));
    VitConfig network = card.network();
    text.put(NETWORK, json(ordered(
        "heads", network.heads(),
        "norm_eps", network.eps(),
        "pooling", spelled(network.pooling()),
        "activation", spelled(network.activation()),
        "router_temperature", network.routerTemperature())));
    text.put(TRAINING, json(ordered("method", card.method(), "alpha", card.alpha(), "base_sha256", card.base())));
    return text;
  }

  /** Whether this is the metadata of a file that Tenon wrote. */
  static boolean isIn(Map<String, String> metadata) {
    return metadata.containsKey(KIND);
  }

  /**
   * The card in {@code metadata}.
   *
   * @throws TenonException when it is missing or damaged
   */
  static ModelCard parse(Path file, Map<String, String> metadata) {
    return new CardText(file, metadata).card();
  }

  private ModelCard card() {
    if (!metadata.containsKey(KIND)) {
      throw new TenonException(file + ": the file does not say what its classes are, so it is no model trained by Tenon; name a"
          + " model.safetensors or adapter.safetensors that a run left");
    }
    ModelCard.Kind kind = constant(KIND, metadata.get(KIND), ModelCard.Kind.class);
    List<ModelCard.Task> tasks = new ArrayList<>();
    for (JsonNode task : array(TASKS, json(TASKS))) {
      List<String> classes = new ArrayList<>();
      array(TASKS, field(TASKS, task, "classes", JsonNode::isArray)).forEach(c -> classes.add(c.asText()));
      tasks.add(new ModelCard.Task(field(TASKS, task, "name", JsonNode::isTextual).textValue(), classes));
    }
    JsonNode training = json(TRAINING);
    return new ModelCard(
        kind,
        tasks,
        input(json(INPUT)),
        network(json(NETWORK)),
        field(TRAINING, training, "method", JsonNode::isTextual).textValue(),
        field(TRAINING, training, "alpha", JsonNode::isNumber).doubleValue(),
        field(TRAINING, training, "base_sha256", JsonNode::isTextual).textValue());
  }

  private InputSpec input(JsonNode input) {
    return new InputSpec(
        field(INPUT, input, "image_size", JsonNode::isInt).intValue(),
        constant(INPUT, input, "crop", AugmentSpec.TestCrop.class),
        field(INPUT, input, "crop_pct", JsonNode::isNumber).doubleValue(),
        constant(INPUT, input, "interpolation", Interpolation.class),
        field(INPUT, input, "antialias", JsonNode::isBoolean).booleanValue(),
        channels(input, "mean"),
        channels(input, "std"),
        constant(INPUT, input, "exif", ExifOrientation.class),
        field(INPUT, input, "short_side", JsonNode::isInt).intValue());
  }

  private VitConfig network(JsonNode network) {
    return new VitConfig(
        field(NETWORK, network, "heads", n -> n.isInt() && n.intValue() > 0).intValue(),
        field(NETWORK, network, "norm_eps", JsonNode::isNumber).doubleValue(),
        constant(NETWORK, network, "pooling", VitConfig.Pooling.class),
        constant(NETWORK, network, "activation", Unary.Fn.class),
        field(NETWORK, network, "router_temperature", JsonNode::isNumber).doubleValue());
  }

  private List<Double> channels(JsonNode input, String name) {
    JsonNode values = field(INPUT, input, name, n -> n.isArray() && n.size() == 3);
    List<Double> channels = new ArrayList<>();
    values.forEach(v -> channels.add(v.asDouble()));
    return channels;
  }

  private JsonNode json(String key) {
    String text = metadata.get(key);
    try {
      JsonNode node = text == null ? null : JSON.readTree(text);
      if (node != null) {
        return node;
      }
    } catch (JsonProcessingException e) {
      throw damaged(key + " is not JSON", e);
    }
    throw damaged(key + " is missing", null);
  }

  private JsonNode array(String key, JsonNode node) {
    if (!node.isArray()) {
      throw damaged(key + " is not a list", null);
    }
    return node;
  }

  private JsonNode field(String key, JsonNode node, String name, Predicate<JsonNode> valid) {
    JsonNode value = node.path(name);
    if (!valid.test(value)) {
      throw damaged("'" + name + "' of " + key + (value.isMissingNode() ? " is missing" : " cannot be " + value), null);
    }
    return value;
  }

  private <E extends Enum<E>> E constant(String key, JsonNode node, String name, Class<E> type) {
    return constant("'" + name + "' of " + key, field(key, node, name, JsonNode::isTextual).textValue(), type);
  }

  private <E extends Enum<E>> E constant(String what, String text, Class<E> type) {
    try {
      return Enum.valueOf(type, text.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw damaged(what + " cannot be '" + text + "'", e);
    }
  }

  private TenonException damaged(String reason, Exception cause) {
    return new TenonException(file + ": the description of the model is damaged or of another version of Tenon, for " + reason
        + "; write the file again", cause);
  }

  private static String spelled(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  private static Map<String, Object> ordered(Object... keysAndValues) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      map.put((String) keysAndValues[i], keysAndValues[i + 1]);
    }
    return map;
  }

  private static String json(Object value) {
    try {
      return JSON.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("texts, numbers, lists and maps can be written as JSON", e);
    }
  }
}
