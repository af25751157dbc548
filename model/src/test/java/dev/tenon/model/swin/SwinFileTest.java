package dev.tenon.model.swin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.TensorEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Swins under each library's names, small and, as names and shapes, full-size. */
class SwinFileTest {
  private static final Path MODELS = Path.of(System.getProperty("tenon.golden", "../../shared/golden")).resolve("model_params");
  private static final SwinSizes SIZES = new SwinSizes(
      Shape.of(3, 2, 2), 4, List.of(new SwinSizes.Stage(2, 1, 3), new SwinSizes.Stage(1, 2, 3)), 2, 5);
  private final HostBackend backend = HostBackend.reference();
  private Scope scope;
  @TempDir private Path folder;

  @BeforeEach
  void open() {
    scope = Scope.open(backend);
  }

  @AfterEach
  void close() {
    scope.close();
    backend.close();
  }

  /** Of both versions, with the same windows. */
  private static Swin swin(Dialect dialect) {
    boolean second = dialect.toString().endsWith("_2");
    SwinSizes sizes = new SwinSizes(SIZES.patch(), SIZES.dim(), SIZES.stages(), SIZES.ratio(), SIZES.classes(), second ? 2 : 1);
    return new Swin(SwinTest.swin(sizes).weights(), new SwinConfig(1e-5, second ? 3 : 0, dialect.shifting()));
  }

  private static Map<String, Tensor> named(Dialect dialect) {
    return dialect.table().write(swin(dialect).weights().asMap());
  }

  @ParameterizedTest
  @EnumSource(Dialect.class)
  void aFileOfEachLibraryIsTheSameNetwork(Dialect dialect) {
    Path file = folder.resolve("swin.safetensors");
    Safetensors.write(file,
        named(dialect).entrySet().stream()
            .map(e -> new TensorEntry(e.getKey(), DType.F64, e.getValue().shape(), e.getValue().contiguous().bytes())).toList(),
        Map.of());
    Swin swin = SwinFile.load(file, DType.F64, 3);
    Tensor images = SwinTest.images(1, 3, 14, 20);
    assertThat(swin.config().shifting()).isEqualTo(dialect.shifting());
    assertThat(swin.forward(images).toDoubles()).isEqualTo(swin(dialect).forward(images).toDoubles());
  }

  @Test
  void whatIsDerivedIsLeftAlone() {
    Map<String, Tensor> tensors = new LinkedHashMap<>(named(Dialect.MICROSOFT));
    tensors.put("layers.0.blocks.1.attn_mask", Tensor.zeros(DType.F64, Shape.of(4, 9, 9)));
    tensors.put("layers.0.blocks.0.attn.relative_position_index", Tensor.of(new long[81], 9, 9));
    assertThat(SwinFile.of("these", tensors).weights().asMap()).hasSameSizeAs(named(Dialect.MICROSOFT));
  }

  @ParameterizedTest
  @EnumSource(Dialect.class)
  void lackingAndUnexpectedTensorsAreNamed(Dialect dialect) {
    Map<String, Tensor> tensors = new LinkedHashMap<>(named(dialect));
    String lacking = tensors.keySet().stream().filter(name -> name.contains("norm1") || name.contains("layernorm_before")).findFirst()
        .orElseThrow();
    tensors.remove(lacking);
    tensors.put("absolute_pos_embed", Tensor.zeros(DType.F64, Shape.of(1, 49, 4)));
    assertThatThrownBy(() -> SwinFile.of("these", tensors)).isInstanceOf(TenonException.class)
        .hasMessageContaining("these is not a Swin under " + dialect.library() + " names: it lacks " + lacking)
        .hasMessageContaining("unexpected absolute_pos_embed");
  }

  @Test
  void shapesThatDoNotFitTogetherAreTold() {
    Map<String, Tensor> tensors = new LinkedHashMap<>(named(Dialect.TIMM));
    tensors.put("head.fc.weight", Tensor.zeros(DType.F64, Shape.of(4, 8)));
    assertThatThrownBy(() -> SwinFile.of("these", tensors)).isInstanceOf(TenonException.class)
        .hasMessageContaining("head.fc.bias has shape [5], where the others call for [4]");
    tensors.putAll(named(Dialect.TIMM));
    tensors.put("layers.0.blocks.1.attn.relative_position_bias_table", Tensor.zeros(DType.F64, Shape.of(169, 1)));
    assertThatThrownBy(() -> SwinFile.of("these", tensors)).isInstanceOf(TenonException.class)
        .hasMessageContaining("relative_position_bias_table has shape [169, 1], where the others call for [25, 1]");
    assertThatThrownBy(() -> SwinFile.of("these", named(Dialect.MICROSOFT_2)))
        .isInstanceOf(TenonException.class).hasMessageContaining("do not say how large its windows are");
    assertThatThrownBy(() -> SwinFile.of("these", Map.of("x", Tensor.zeros(DType.F64, Shape.of(1)))))
        .isInstanceOf(TenonException.class).hasMessageContaining("these holds no Swin");
  }

  @ParameterizedTest
  @CsvSource({"TINY, 28288354, 27517818", "SMALL, 49606258, 48835722", "BASE, 87768224, 86741176"})
  void parametersAreAsManyAsPublished(SwinPreset preset, long withHead, long withoutHeadAndNorm) {
    SwinSizes plain = preset.sizes(0);
    assertThat(preset.sizes(1000).parameters()).isEqualTo(withHead);
    assertThat(plain.parameters() - 2 * plain.dim(3)).isEqualTo(withoutHeadAndNorm);
  }

  @ParameterizedTest
  @CsvSource({
      "timm__swin_tiny_patch4_window7_224, TINY",
      "timm__swin_small_patch4_window7_224, SMALL",
      "timm__swin_base_patch4_window7_224, BASE",
      "torchvision__swin_t, TINY"
  })
  void namesAndShapesAreTheLibraries(String model, SwinPreset preset) throws IOException {
    Path file = MODELS.resolve(model + ".json");
    assumeTrue(Files.exists(file), () -> file + " is not there; set tenon.golden to the folder of cases");
    JsonNode published = new ObjectMapper().readTree(file.toFile());
    Map<String, Shape> theirs = new LinkedHashMap<>();
    published.get("params").forEach(p -> theirs.put(p.get(0).asText(),
        Shape.of(StreamSupport.stream(p.get(1).spliterator(), false).mapToLong(JsonNode::asLong).toArray())));
    Dialect dialect = Dialect.of(theirs.keySet()).orElseThrow();
    Map<String, Shape> ours = new LinkedHashMap<>();
    preset.sizes(1000).tensors()
        .forEach((name, shape) -> ours.put(String.join("+", dialect.table().sources(name, List.of())), shape));
    assertThat(dialect.toString().toLowerCase(Locale.ROOT)).isEqualTo(model.substring(0, model.indexOf("__")));
    assertThat(ours).isEqualTo(theirs);
  }

  @Test
  void randomWeightsAreThoseOfTheirSeed() {
    double[] once = SIZES.random(DType.F32, 3).get("layers.0.blocks.0.attn.qkv.weight").toDoubles();
    assertThat(SIZES.random(DType.F32, 3).get("layers.0.blocks.0.attn.qkv.weight").toDoubles()).isEqualTo(once);
    assertThat(SIZES.random(DType.F32, 4).get("layers.0.blocks.0.attn.qkv.weight").toDoubles()).isNotEqualTo(once);
    assertThat(SIZES.random(DType.F32, 3).get("norm.weight").toDoubles()).containsOnly(1);
  }
}
