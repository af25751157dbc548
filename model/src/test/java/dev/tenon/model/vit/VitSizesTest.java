package dev.tenon.model.vit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.model.NameTable;
import dev.tenon.model.Weights;
import dev.tenon.model.adapter.Adapters;
import dev.tenon.model.adapter.Lora;
import dev.tenon.model.adapter.MoefiedLora;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Full-size networks, as names and shapes, against the published ones. */
class VitSizesTest {
  private static final Path MODELS = Path.of(System.getProperty("tenon.golden", "../../shared/golden")).resolve("model_params");

  @ParameterizedTest
  @CsvSource({"TINY, 5717416, 5524416", "SMALL, 22050664, 21665664", "BASE, 86567656, 85798656", "LARGE, 304326632, 303301632"})
  void parametersAreAsManyAsPublished(VitPreset preset, long withHead, long without) {
    assertThat(preset.sizes(16, 224, 1000).parameters()).isEqualTo(withHead);
    assertThat(preset.sizes(16, 224, 0).parameters()).isEqualTo(without);
  }

  @ParameterizedTest
  @CsvSource({
      "timm__vit_tiny_patch16_224, TINY",
      "timm__deit_tiny_patch16_224, TINY",
      "timm__vit_small_patch16_224, SMALL",
      "timm__vit_base_patch16_224, BASE",
      "timm__vit_large_patch16_224, LARGE",
      "torchvision__vit_b_16, BASE"
  })
  void namesAndShapesAreTheLibraries(String model, VitPreset preset) throws IOException {
    JsonNode published = published(model);
    VitSizes sizes = preset.sizes(16, 224, published.get("num_classes").asInt());
    NameTable table = (model.startsWith("timm") ? Dialect.TIMM : Dialect.TORCHVISION).table();
    Map<String, Shape> ours = new LinkedHashMap<>();
    sizes.tensors().forEach((name, shape) -> ours.put(String.join("+", table.sources(name, List.of())), shape));
    assertThat(ours).isEqualTo(shapes(published));
    assertThat(sizes.parameters()).isEqualTo(published.get("total_params").asLong());
  }

  /** A narrow network, each of whose extents stands for one of the full-size network. */
  @Test
  void anAdaptedNetworkIsTheReferences() throws IOException {
    JsonNode published = published("emtal__vit_base_lora_r4_e16");
    Map<Long, Long> full = Map.of(32L, 768L, 96L, 2304L, 128L, 3072L);
    try (var backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      VitSizes narrow = VitSizes.plain(Shape.of(3, 16, 16), 196, 32, 12, 128, 598);
      Vit plain = new Vit(narrow.random(DType.F32, 1), VitConfig.timm(2));
      Weights weights = MoefiedLora.of(16, 4, 7).adapt(plain).weights();
      Map<String, Shape> ours = new LinkedHashMap<>();
      weights.asMap().forEach((name, t) -> {
        if (t.dtype().isFloating()) {
          ours.put(name, Shape.of(Arrays.stream(t.shape().toArray()).map(d -> full.getOrDefault(d, d)).toArray()));
        }
      });
      assertThat(ours).isEqualTo(shapes(published));
      assertThat(ours.values().stream().mapToLong(Shape::size).sum()).isEqualTo(published.get("total_params").asLong());
      assertThat(ours.entrySet().stream().filter(e -> Adapters.isTrained(e.getKey())).mapToLong(e -> e.getValue().size()).sum())
          .isEqualTo(published.get("trainable_params").asLong())
          .isEqualTo(1_197_142);
      published.get("params").forEach(p ->
          assertThat(weights.get(p.get(0).asText()).requiresGrad()).as(p.get(0).asText()).isEqualTo(p.get(2).asBoolean()));
    }
  }

  /** The counts of trained parameters of EMTAL §2.4, by the same narrow networks. */
  @ParameterizedTest
  @CsvSource({
      "12, 768, 598, 4, 16, 1197142",
      "12, 768, 598, 2, 16, 902230",
      "12, 768, 598, 1, 16, 754774",
      "12, 768, 62, 4, 16, 784958",
      "12, 768, 62, 2, 16, 490046",
      "12, 768, 62, 1, 16, 342590",
      "24, 1024, 62, 4, 16, 2029630",
      "12, 768, 598, 16, 0, 2819158"
  })
  void adaptersTrainAsManyParametersAsPublished(int depth, long dim, long classes, int rank, int experts, long trained) {
    Map<Long, Long> full = Map.of(32L, dim, 96L, 3 * dim, 128L, 4 * dim);
    try (var backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      Vit plain = new Vit(VitSizes.plain(Shape.of(3, 16, 16), 4, 32, depth, 128, classes).random(DType.F32, 1), VitConfig.timm(2));
      Vit adapted = experts == 0
          ? new Lora(rank, EnumSet.allOf(Lora.Target.class), 0.02, 7).adapt(plain)
          : MoefiedLora.of(experts, rank, 7).adapt(plain);
      long ours = adapted.weights().asMap().values().stream()
          .filter(Tensor::requiresGrad)
          .mapToLong(t -> Arrays.stream(t.shape().toArray()).map(d -> full.getOrDefault(d, d)).reduce(1, (a, b) -> a * b))
          .sum();
      assertThat(ours).isEqualTo(trained);
    }
  }

  private static JsonNode published(String model) throws IOException {
    Path file = MODELS.resolve(model + ".json");
    assumeTrue(Files.exists(file), "the golden cases are not here: set -Dtenon.golden to run this");
    return new ObjectMapper().readTree(file.toFile());
  }

  private static Map<String, Shape> shapes(JsonNode published) {
    Map<String, Shape> shapes = new LinkedHashMap<>();
    published.get("params").forEach(p -> shapes.put(p.get(0).asText(),
        Shape.of(IntStream.range(0, p.get(1).size()).mapToLong(i -> p.get(1).get(i).asLong()).toArray())));
    return shapes;
  }

  @Test
  void randomWeightsAreOfTheirDistributionsAndTheSameForASeed() {
    try (var backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      VitSizes sizes = VitSizes.plain(Shape.of(3, 8, 8), 16, 64, 1, 256, 10);
      Weights weights = sizes.random(DType.F32, 5);
      assertThat(weights.asMap().keySet()).containsExactlyElementsOf(sizes.tensors().keySet());
      assertThat(weights.get("blocks.0.mlp.fc1.bias").toDoubles()).containsOnly(0);
      assertThat(weights.get("norm.weight").toDoubles()).containsOnly(1);
      expectDeviation(weights.get("blocks.0.mlp.fc1.weight"), 0.02);
      expectDeviation(weights.get("pos_embed"), 0.02);
      expectDeviation(weights.get("patch_embed.proj.weight"), 1 / Math.sqrt(3 * 8 * 8));
      expectDeviation(weights.get("cls_token"), 1e-6);
      assertThat(sizes.random(DType.F32, 5).get("head.weight").toDoubles()).isEqualTo(weights.get("head.weight").toDoubles());
      assertThat(sizes.random(DType.F32, 6).get("head.weight").toDoubles()).isNotEqualTo(weights.get("head.weight").toDoubles());
    }
  }

  /** Six standard errors of mean and deviation. */
  private static void expectDeviation(Tensor t, double std) {
    double[] values = t.toDoubles();
    double mean = Arrays.stream(values).average().orElseThrow();
    double deviation = Math.sqrt(Arrays.stream(values).map(v -> (v - mean) * (v - mean)).average().orElseThrow());
    assertThat(Math.abs(mean)).isLessThan(6 * std / Math.sqrt(values.length));
    assertThat(Math.abs(deviation / std - 1)).isLessThan(6 / Math.sqrt(2.0 * values.length));
  }
}
