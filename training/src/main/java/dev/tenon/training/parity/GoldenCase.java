package dev.tenon.training.parity;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.engine.io.TensorEntry;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** One recorded computation: its operands as tensors, and what must come out. */
final class GoldenCase {
  private static final ObjectMapper JSON = new ObjectMapper();
  /** It moves all scores of a query alike, which softmax does not see; Hugging Face's cases do not list it as zero. */
  private static final Pattern KEY_BIAS = Pattern.compile("grad\\.w\\..*\\.(k_proj|key)\\.bias");

  private final String name;
  private final DType dtype;
  private final Map<String, String> metadata;
  private final JsonNode config;
  private final Set<String> zeroGradients = new TreeSet<>();
  private final Map<String, Tensor> operands = new TreeMap<>();
  private final Map<String, Expected> expected = new LinkedHashMap<>();

  /** A reference value; floating values are of F32 accuracy unless {@code dtype} is F64. */
  record Expected(DType dtype, Shape shape, double[] values) {}

  /** Reads {@code file} into the current scope, floating operands as {@code dtype}; those with a gradient follow the tape. */
  GoldenCase(Path file, DType dtype) {
    this.dtype = dtype;
    this.name = nameOf(file);
    try (SafetensorsFile tensors = Safetensors.open(file)) {
      metadata = Map.copyOf(tensors.metadata());
      config = json(file, metadata.getOrDefault("config", "{}"));
      json(file, metadata.getOrDefault("analytically_zero_grads", "[]")).forEach(n -> zeroGradients.add(n.asText()));
      Set<String> names = Set.copyOf(tensors.names());
      for (String key : new TreeSet<>(names)) {
        TensorEntry entry = tensors.entry(key);
        if (key.startsWith("out.") || key.startsWith("grad.")) {
          expected.put(key, new Expected(entry.dtype(), entry.shape(), values(entry)));
        } else {
          operands.put(key, operand(entry, names.contains("grad." + key)));
        }
      }
    }
  }

  /** The case a file holds. */
  static String nameOf(Path file) {
    return file.getFileName().toString().replaceFirst("\\.safetensors$", "");
  }

  private Tensor operand(TensorEntry entry, boolean differentiable) {
    DType type = entry.dtype().isFloating() ? dtype : entry.dtype();
    Tensor tensor = Tensor.of(type, entry.shape(), values(entry));
    return differentiable ? tensor.withGrad() : tensor;
  }

  private static double[] values(TensorEntry entry) {
    return IntStream.range(0, Math.toIntExact(entry.shape().size())).mapToDouble(entry::valueAt).toArray();
  }

  private static JsonNode json(Path file, String text) {
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new TenonException(file + ": its metadata is not valid JSON; export the case again", e);
    }
  }

  String name() {
    return name;
  }

  /** The type the computation is to run in. */
  DType dtype() {
    return dtype;
  }

  /** The dimensions and options of the case. */
  JsonNode config() {
    return config;
  }

  /** All that the case says about itself. */
  Map<String, String> metadata() {
    return metadata;
  }

  /** Whether normalization uses, and updates, the statistics of the batch. */
  boolean training() {
    return "train".equals(metadata.get("mode"));
  }

  /** Whether there is an operand of that full name, such as {@code w.bias}. */
  boolean has(String operand) {
    return operands.containsKey(operand);
  }

  /** Input {@code in.NAME}. */
  Tensor in(String input) {
    return operand("in." + input);
  }

  /** Parameter or buffer {@code w.NAME}. */
  Tensor w(String parameter) {
    return operand("w." + parameter);
  }

  /** The operand of that full name. */
  Tensor operand(String key) {
    Tensor tensor = operands.get(key);
    if (tensor == null) {
      throw new TenonException("case " + name + " has no tensor '" + key + "'; it has " + operands.keySet());
    }
    return tensor;
  }

  /** All operands of one kind ({@code in} or {@code w}) by their names without the prefix. */
  Map<String, Tensor> operands(String kind) {
    Map<String, Tensor> result = new TreeMap<>();
    operands.forEach((key, tensor) -> {
      if (key.startsWith(kind + ".")) {
        result.put(key.substring(kind.length() + 1), tensor);
      }
    });
    return result;
  }

  /** The factor of {@code output} in the loss, or null when it takes no part. */
  Tensor cotangent(String output) {
    Tensor own = operands.get("in.cotangent." + output);
    return own != null || !output.equals("y") ? own : operands.get("in.cotangent");
  }

  /** Every reference value by its full name: {@code out.*} and {@code grad.*}. */
  Map<String, Expected> expected() {
    return expected;
  }

  /** Whether theory makes this gradient zero, so that only rounding noise was recorded. */
  boolean isZeroByTheory(String gradient) {
    return zeroGradients.contains(gradient) || metadata.containsKey("transformers") && KEY_BIAS.matcher(gradient).matches();
  }
}
