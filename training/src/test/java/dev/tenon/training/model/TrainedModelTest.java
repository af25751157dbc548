package dev.tenon.training.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.engine.io.TensorEntry;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.Weights;
import dev.tenon.model.adapter.Adapters;
import dev.tenon.model.adapter.Lora;
import dev.tenon.model.adapter.MoefiedLora;
import dev.tenon.model.vit.Vit;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TrainedModelTest {
  @TempDir private Path folder;
  private final HostBackend backend = HostBackend.reference();
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open(backend);
  }

  @AfterEach
  void close() {
    scope.close();
    backend.close();
  }

  @Test
  void aModelComesBackBitForBitWithItsCard() {
    TrainedModel model = new TrainedModel(SmallVit.of(1, 5), SmallVit.card(1, "ab"));
    Path file = folder.resolve("model.safetensors");
    model.save(file);

    TrainedModel back = TrainedModel.load(file);
    assertThat(back.card()).isEqualTo(model.card());
    assertThat(ModelCard.read(file)).isEqualTo(model.card());
    assertSameLogits(back.vit(), model.vit(), 1);
  }

  @ParameterizedTest
  @CsvSource({"0.25", "1"})
  void anAdapterAndItsBaseAreTheAdaptedNetwork(double alpha) {
    Vit base = SmallVit.of(1, 7);
    TrainedModel adapted = adapted(base, alpha);
    Path file = folder.resolve("adapter.safetensors");
    adapted.saveAdapter(file);

    TrainedModel back = TrainedModel.load(file, SmallVit.of(1, 3));
    assertThat(back.card()).isEqualTo(adapted.card());
    assertThat(back.card().kind()).isEqualTo(ModelCard.Kind.ADAPTER);
    assertThat(back.vit().weights().asMap().values()).noneMatch(Tensor::requiresGrad);
    assertSameLogits(back.vit(), adapted.vit(), alpha);
    try (SafetensorsFile open = Safetensors.open(file)) {
      assertThat(open.names()).allMatch(n -> n.contains("lora") || n.startsWith("head") || n.endsWith("expert_order"));
    }
  }

  @Test
  void anAdapterMergesIntoTheModelItsNetworkMergesInto() {
    TrainedModel adapted = adapted(SmallVit.of(1, 7), 1);
    Path file = folder.resolve("adapter.safetensors");
    adapted.saveAdapter(file);

    TrainedModel merged = TrainedModel.load(file, SmallVit.of(1, 7)).merged();
    assertThat(merged.card().kind()).isEqualTo(ModelCard.Kind.MODEL);
    assertThat(merged.vit().weights().parameters()).isEqualTo(SmallVit.of(1, 5).weights().parameters());
    assertSameLogits(merged.vit(), adapted.merged().vit(), 1);
    assertThatThrownBy(() -> adapted(SmallVit.of(1, 7), 0.5).merged())
        .isInstanceOf(TenonException.class).hasMessageContaining("0.5");
  }

  @Test
  void aHeadAloneIsAnAdapterToo() {
    Vit base = SmallVit.of(1, 5);
    TrainedModel probe = new TrainedModel(base, SmallVit.card(1, BaseHash.of(base.weights())));
    Path file = folder.resolve("adapter.safetensors");
    probe.saveAdapter(file);

    assertThat(ModelCard.read(file).kind()).isEqualTo(ModelCard.Kind.ADAPTER);
    TrainedModel back = TrainedModel.load(file, SmallVit.of(1, 9));
    assertThat(back.card().kind()).isEqualTo(ModelCard.Kind.MODEL);
    assertSameLogits(back.vit(), base, 1);
  }

  @Test
  void theBaseIsKnownByItsWeightsWhateverItsHeadAndImageSize() {
    Weights base = SmallVit.of(1, 5).weights();
    String hash = BaseHash.of(base);
    assertThat(hash).matches("[0-9a-f]{64}");
    assertThat(BaseHash.of(SmallVit.of(1, 9).weights())).isEqualTo(hash);
    assertThat(BaseHash.of(base.with(Map.of("pos_embed", Tensor.zeros(DType.F32, Shape.of(1, 10, SmallVit.WIDTH))))))
        .isEqualTo(hash);
    assertThat(BaseHash.of(SmallVit.of(2, 5).weights())).isNotEqualTo(hash);
    Tensor bias = base.get("blocks.1.mlp.fc2.bias");
    double[] nudged = bias.toDoubles();
    nudged[3] = Math.nextUp((float) nudged[3]);
    assertThat(BaseHash.of(base.with(Map.of("blocks.1.mlp.fc2.bias", Tensor.of(DType.F32, bias.shape(), nudged))))).isNotEqualTo(hash);
  }

  @Test
  void filesUsedForTheWrongPurposeAreRefusedWithTheRemedy() throws IOException {
    Vit base = SmallVit.of(1, 5);
    TrainedModel adapted = adapted(base, 1);
    Path adapter = folder.resolve("adapter.safetensors");
    Path model = folder.resolve("model.safetensors");
    Path foreign = folder.resolve("foreign.safetensors");
    adapted.saveAdapter(adapter);
    adapted.merged().save(model);
    Safetensors.write(foreign, List.of(TensorEntry.ofFloats("x", Shape.of(1), 1)), Map.of("format", "pt"));

    refuses(() -> TrainedModel.load(adapter), "adapter.safetensors", "--base");
    refuses(() -> TrainedModel.load(model, base), "model.safetensors", "whole model");
    refuses(() -> TrainedModel.load(adapter, SmallVit.of(2, 5)), "other base weights", adapted.card().base());
    refuses(() -> TrainedModel.load(foreign), "foreign.safetensors", "no model trained by Tenon");
    refuses(() -> adapted.save(folder.resolve("no.safetensors")), "merge it first");
    Vit full = new Vit(base.weights().map(Tensor::withGrad), base.config());
    refuses(() -> new TrainedModel(full, SmallVit.card(1, "")).saveAdapter(folder.resolve("no.safetensors")), "whole model");
    refuses(() -> new TrainedModel(SmallVit.of(1, 4), SmallVit.card(1, "")), "4 outputs", "5 classes");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactlyInAnyOrder(adapter, model, foreign);
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
    "tenon.kind     | thing                                                  | thing",
    "tenon.tasks    | [{\"name\": \"fruit\"}]                                | 'classes' of tenon.tasks is missing",
    "tenon.tasks    | {}                                                     | not a list",
    "tenon.tasks    | []                                                     | at least one task",
    "tenon.tasks    | [{\"name\": \"fruit\", \"classes\": [\"a\", \"b\"]}]   | 2 classes",
    "tenon.network  | {\"heads\": 0}                                         | heads",
    "tenon.network  | {\"heads\": 2, \"norm_eps\": \"small\"}                | norm_eps",
    "tenon.training | {                                                      | not JSON",
  })
  void aDamagedDescriptionIsNamed(String key, String text, String said) {
    Path file = folder.resolve("model.safetensors");
    new TrainedModel(SmallVit.of(1, 5), SmallVit.card(1, "")).save(file);
    rewrite(file, key, text);
    refuses(() -> TrainedModel.load(file), said);
  }

  @Test
  void aDamagedOrderOfChannelsIsRefused() {
    Vit base = SmallVit.of(1, 5);
    TrainedModel adapted = adapted(base, 1);
    String name = "blocks.1.mlp.expert_order";
    long[] twice = new long[64];
    Path file = folder.resolve("adapter.safetensors");
    new TrainedModel(
        new Vit(adapted.vit().weights().with(Map.of(name, Tensor.of(twice, 64))), base.config()), adapted.card()).saveAdapter(file);
    refuses(() -> TrainedModel.load(file, base), "adapter.safetensors", "order");
  }

  private static TrainedModel adapted(Vit base, double alpha) {
    String hash = BaseHash.of(base.weights());
    Vit own = SmallVit.of(8, 5);
    Vit withHead = new Vit(base.weights().with(Map.of(
        "head.weight", own.weights().get("head.weight"), "head.bias", own.weights().get("head.bias"))), base.config());
    Lora lora = new Lora(3, EnumSet.allOf(Lora.Target.class), 0.1, 5);
    Vit adapted = new MoefiedLora(4, lora, 2, 20).adapt(withHead);
    return new TrainedModel(adapted, SmallVit.card(alpha, hash));
  }

  private static void assertSameLogits(Vit actual, Vit expected, double alpha) {
    Philox random = Philox.of(77);
    Tensor images = Adapters.filled(DType.F32, Shape.of(3, 3, SmallVit.IMAGE, SmallVit.IMAGE), random::normal);
    assertThat(actual.forward(images, alpha).toDoubles()).containsExactly(expected.forward(images, alpha).toDoubles());
  }

  private static void refuses(ThrowingCallable call, String... said) {
    assertThatThrownBy(call).isInstanceOf(TenonException.class).hasMessageContainingAll(said);
  }

  private static void rewrite(Path file, String key, String text) {
    List<TensorEntry> entries = new ArrayList<>();
    Map<String, String> metadata;
    try (SafetensorsFile open = Safetensors.open(file)) {
      metadata = new HashMap<>(open.metadata());
      metadata.put(key, text);
      open.names().forEach(name -> entries.add(open.entry(name)));
      Safetensors.write(file, entries, metadata);
    }
  }
}
