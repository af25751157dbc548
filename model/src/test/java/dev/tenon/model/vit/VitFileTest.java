package dev.tenon.model.vit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.engine.io.TensorEntry;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.Weights;
import dev.tenon.model.adapter.MoefiedLora;
import dev.tenon.model.vit.VitConfig.Pooling;
import dev.tenon.model.vit.VitSizes.Part;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Small networks of every kind, written and read under each library's names. */
class VitFileTest {
  private static final int DIM = 12;
  private static final int HEADS = 3;
  private static final Shape PATCH = Shape.of(3, 4, 4);
  private final HostBackend backend = HostBackend.reference();
  private Scope scope;
  private int drawn;
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

  private static VitSizes sizes(Part... more) {
    Set<Part> parts = EnumSet.copyOf(VitSizes.plain(PATCH, 9, DIM, 2, 20, 5).parts());
    parts.addAll(List.of(more));
    return new VitSizes(PATCH, 9, DIM, 2, 20, 0, 5, parts);
  }

  /** A network whose every tensor is random, so that none can be mistaken for another. */
  private Vit vit(VitSizes sizes, VitConfig config) {
    return new Vit(sizes.random(DType.F32, 3).map(t -> random(t.shape())), config);
  }

  private Tensor random(Shape shape) {
    Philox random = Philox.of(11).split(drawn++);
    return Tensor.of(DType.F32, shape, IntStream.range(0, (int) shape.size()).mapToDouble(random::normal).toArray());
  }

  static Stream<Arguments> networks() {
    VitConfig config = new VitConfig(HEADS, 3e-6, Pooling.TOKEN, Unary.Fn.GELU, 5);
    VitSizes plain = sizes();
    VitSizes distilled = sizes(Part.DISTILLATION_TOKEN, Part.DISTILLATION_HEAD);
    VitSizes scaled = sizes(Part.LAYER_SCALE);
    VitSizes wide = sizes(Part.LAYER_SCALE, Part.WIDE_HEAD);
    VitSizes clip = sizes(Part.PRE_NORM).without(Part.PATCH_BIAS).without(Part.HEAD_BIAS);
    VitSizes average = sizes(Part.FEATURE_NORM).without(Part.NORM).without(Part.CLASS_TOKEN);
    VitSizes represented = new VitSizes(PATCH, 9, DIM, 2, 20, 7, 5, plain.parts());
    return Stream.of(
        Arguments.of(NameScheme.TIMM, plain, config),
        Arguments.of(NameScheme.TIMM, distilled, config),
        Arguments.of(NameScheme.TIMM, scaled.without(Part.QKV_BIAS), config),
        Arguments.of(NameScheme.TIMM, clip, config.with(Unary.Fn.QUICK_GELU)),
        Arguments.of(NameScheme.TIMM, average, config.with(Pooling.AVERAGE)),
        Arguments.of(NameScheme.TORCHVISION, plain, config),
        Arguments.of(NameScheme.TORCHVISION, represented, config),
        Arguments.of(NameScheme.HUGGINGFACE, plain, config),
        Arguments.of(NameScheme.HUGGINGFACE, plain, config.with(Pooling.AVERAGE).with(Unary.Fn.GELU_TANH)),
        Arguments.of(NameScheme.HUGGINGFACE, distilled, config),
        Arguments.of(NameScheme.HUGGINGFACE, scaled, config),
        Arguments.of(NameScheme.HUGGINGFACE, wide, config.with(Pooling.TOKEN_AND_AVERAGE)),
        Arguments.of(NameScheme.HUGGINGFACE, clip, config.with(Unary.Fn.QUICK_GELU)));
  }

  @ParameterizedTest
  @MethodSource("networks")
  void whatIsWrittenIsRead(NameScheme names, VitSizes sizes, VitConfig config) {
    Vit vit = vit(sizes, config);
    Path file = folder.resolve("vit.safetensors");
    VitFile.save(file, vit, names);
    Vit read = VitFile.load(file, VitOptions.DEFAULT);
    assertThat(read.config()).isEqualTo(config);
    expectSame(read.weights(), vit.weights());
    Tensor images = random(Shape.of(2, 3, 12, 12));
    assertThat(read.forward(images).toDoubles()).isEqualTo(vit.forward(images).toDoubles());
    assertThat(files()).containsExactly("vit.safetensors");
  }

  private List<String> files() {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(f -> f.getFileName().toString()).toList();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static void expectSame(Weights actual, Weights expected) {
    assertThat(actual.asMap().keySet()).containsExactlyInAnyOrderElementsOf(expected.asMap().keySet());
    expected.asMap().forEach((name, t) -> {
      assertThat(actual.get(name).shape()).as(name).isEqualTo(t.shape());
      assertThat(actual.get(name).toDoubles()).as(name).isEqualTo(t.toDoubles());
    });
  }

  @ParameterizedTest
  @CsvSource({
      "TIMM, blocks.1.attn.qkv.weight, 36",
      "TORCHVISION, encoder.layers.encoder_layer_1.self_attention.in_proj_weight, 36",
      "HUGGINGFACE, vit.encoder.layer.1.attention.attention.key.weight, 12"
  })
  void namesAreTheLibrariesOwn(NameScheme names, String tensor, long rows) {
    Vit vit = vit(sizes(), VitConfig.timm(HEADS));
    Path file = folder.resolve("vit.safetensors");
    VitFile.save(file, vit, names);
    try (SafetensorsFile written = Safetensors.open(file)) {
      assertThat(written.metadata()).containsEntry("format", "pt").containsEntry("num_heads", "3");
      TensorEntry entry = written.entry(tensor);
      assertThat(entry.shape()).isEqualTo(Shape.of(rows, DIM));
      double[] stacked = vit.weights().get("blocks.1.attn.qkv.weight").toDoubles();
      int from = rows == DIM ? DIM * DIM : 0;
      assertThat(IntStream.range(0, DIM * DIM).mapToDouble(entry::valueAt).toArray())
          .isEqualTo(Arrays.copyOfRange(stacked, from, from + DIM * DIM));
    }
  }

  @Test
  void whatAnotherLibraryCannotExpressIsRefused() {
    Vit scaled = vit(sizes(Part.LAYER_SCALE), VitConfig.timm(HEADS));
    Vit adapted = MoefiedLora.of(4, 2, 1).adapt(vit(sizes(), VitConfig.timm(HEADS)));
    Path file = folder.resolve("vit.safetensors");
    assertThatThrownBy(() -> VitFile.save(file, scaled, NameScheme.TORCHVISION))
        .isInstanceOf(TenonException.class).hasMessageContaining("torchvision").hasMessageContaining("ls1.gamma");
    assertThatThrownBy(() -> VitFile.save(file, adapted, NameScheme.TIMM))
        .isInstanceOf(TenonException.class).hasMessageContaining("merge");
    assertThatThrownBy(() -> VitFile.save(file, vit(sizes(), VitConfig.timm(HEADS)), NameScheme.AUGREG))
        .isInstanceOf(TenonException.class).hasMessageContaining("AugReg");
    assertThat(files()).isEmpty();
  }

  @Test
  void missingAndUnexpectedTensorsAreListedInOneSentence() {
    Path file = damaged(NameScheme.HUGGINGFACE, entries -> {
      entries.removeIf(e -> e.name().equals("vit.encoder.layer.1.attention.attention.key.weight")
          || e.name().startsWith("vit.encoder.layer.0.layernorm_before"));
      entries.add(TensorEntry.ofFloats("vit.mystery", Shape.of(1), 1));
      return entries;
    });
    assertThatThrownBy(() -> VitFile.load(file, VitOptions.DEFAULT))
        .isInstanceOf(TenonException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining("vit.encoder.layer.1.attention.attention.key.weight")
        .hasMessageContaining("vit.encoder.layer.0.layernorm_before.weight, vit.encoder.layer.0.layernorm_before.bias")
        .hasMessageContaining("vit.mystery");
  }

  /** The bare {@code ViTModel} of transformers has no prefix, a layer that nobody needs, and no head. */
  @Test
  void aBareHuggingFaceModelIsReadAndItsFaultsAreToldInItsOwnNames() {
    UnaryOperator<List<TensorEntry>> bare = entries -> {
      entries.removeIf(e -> e.name().startsWith("classifier"));
      entries.replaceAll(e -> new TensorEntry(e.name().replace("vit.", ""), e.dtype(), e.shape(), e.data()));
      entries.add(TensorEntry.ofFloats("pooler.dense.bias", Shape.of(1), 1));
      return entries;
    };
    assertThat(VitFile.load(damaged(NameScheme.HUGGINGFACE, bare), VitOptions.DEFAULT).featureDim()).isEqualTo(DIM);
    Path file = damaged(NameScheme.HUGGINGFACE, entries -> {
      bare.apply(entries).removeIf(e -> e.name().equals("encoder.layer.1.attention.attention.key.weight"));
      return entries;
    });
    assertThatThrownBy(() -> VitFile.load(file, VitOptions.DEFAULT))
        .hasMessageContaining("it lacks encoder.layer.1.attention.attention.key.weight and has unexpected none");
  }

  @Test
  void aWrongShapeIsNamed() {
    Path file = damaged(NameScheme.TIMM, entries -> {
      entries.replaceAll(e -> e.name().equals("blocks.1.mlp.fc2.bias") ? TensorEntry.ofFloats(e.name(), Shape.of(2), 1, 2) : e);
      return entries;
    });
    assertThatThrownBy(() -> VitFile.load(file, VitOptions.DEFAULT))
        .isInstanceOf(TenonException.class)
        .hasMessageContaining("blocks.1.mlp.fc2.bias").hasMessageContaining("[2]").hasMessageContaining("[12]");
  }

  /** Whatever tensor is gone or of another shape, the file is refused by name. */
  @ParameterizedTest
  @CsvSource({"TIMM", "HUGGINGFACE"})
  void noDamageGoesUnnoticed(NameScheme names) {
    Weights whole = vit(sizes(Part.DISTILLATION_TOKEN, Part.DISTILLATION_HEAD), VitConfig.timm(HEADS)).weights();
    Map<String, Tensor> sources = Dialect.toWrite(whole.asMap().keySet(), names).table().write(whole.asMap());
    for (String name : sources.keySet()) {
      for (Shape shape : List.of(Shape.of(), Shape.of(7), Shape.of(1, 1, 1, 1, 1))) {
        expectRefused(sources, name, random(shape));
      }
      if (!name.matches(".*(cls_token|dist.*_token|patch_embed.*bias)|(head|cls_classifier).bias")) { // those a ViT may lack
        expectRefused(sources, name, null);
      }
    }
  }

  private static void expectRefused(Map<String, Tensor> sources, String name, Tensor instead) {
    Map<String, Tensor> damaged = new LinkedHashMap<>(sources);
    damaged.put(name, instead);
    damaged.values().removeIf(Objects::isNull);
    assertThatThrownBy(() -> VitFile.of("the file", damaged, Map.of(), VitOptions.DEFAULT))
        .as("%s as %s", name, instead).isInstanceOf(TenonException.class).hasMessageStartingWith("the file");
  }

  @Test
  void aFileOfSomethingElseIsRefused() {
    Path file = folder.resolve("other.safetensors");
    Safetensors.write(file, List.of(TensorEntry.ofFloats("a", Shape.of(1), 1)), Map.of());
    assertThatThrownBy(() -> VitFile.load(file, VitOptions.DEFAULT))
        .isInstanceOf(TenonException.class).hasMessageContaining("holds no ViT").hasMessageContaining(file.toString());
  }

  private Path damaged(NameScheme names, UnaryOperator<List<TensorEntry>> damage) {
    Path file = folder.resolve("whole.safetensors");
    VitFile.save(file, vit(sizes(), VitConfig.timm(HEADS)), names);
    Path damaged = folder.resolve("damaged.safetensors");
    try (SafetensorsFile whole = Safetensors.open(file)) {
      Safetensors.write(damaged, damage.apply(new ArrayList<>(whole.names().stream().map(whole::entry).toList())), Map.of());
    }
    return damaged;
  }

  @ParameterizedTest
  @CsvSource({"F16", "BF16"})
  void halfPrecisionIsReadAsSingle(DType half) {
    Vit vit = vit(sizes(), VitConfig.timm(HEADS));
    Weights rounded = vit.weights().map(t -> t.cast(half));
    Path file = folder.resolve("half.safetensors");
    VitFile.save(file, new Vit(rounded, vit.config()), NameScheme.HUGGINGFACE);
    Vit read = VitFile.load(file, VitOptions.DEFAULT);
    expectSame(read.weights(), rounded);
    assertThat(read.weights().asMap().values()).allMatch(t -> t.dtype() == DType.F32);
  }

  @Test
  void aConfigurationBesideTheFileIsHeeded() throws IOException {
    Path file = damaged(NameScheme.HUGGINGFACE, entries -> entries);
    assertThat(VitFile.load(file, VitOptions.DEFAULT).config()).isEqualTo(VitConfig.timm(1).withEps(1e-12));
    Files.writeString(folder.resolve("config.json"), """
        {"num_attention_heads": 4, "layer_norm_eps": 1e-5, "hidden_act": "gelu_new", "image_size": 12}""");
    assertThat(VitFile.load(file, VitOptions.DEFAULT).config())
        .isEqualTo(VitConfig.timm(4).withEps(1e-5).with(Unary.Fn.GELU_TANH));
    assertThat(VitFile.load(file, VitOptions.DEFAULT.withHeads(2).withEps(1e-3).with(Pooling.AVERAGE)).config())
        .isEqualTo(VitConfig.timm(2).withEps(1e-3).with(Unary.Fn.GELU_TANH).with(Pooling.AVERAGE));
    Files.writeString(folder.resolve("config.json"), """
        {"hidden_act": "mish"}""");
    assertThatThrownBy(() -> VitFile.load(file, VitOptions.DEFAULT))
        .isInstanceOf(TenonException.class).hasMessageContaining("mish");
    Files.writeString(folder.resolve("config.json"), "{");
    assertThatThrownBy(() -> VitFile.load(file, VitOptions.DEFAULT))
        .isInstanceOf(TenonException.class).hasMessageContaining("not valid JSON");
  }

  @ParameterizedTest
  @CsvSource({"TIMM, ANTIALIAS_BICUBIC", "HUGGINGFACE, BICUBIC", "TORCHVISION, ALIGNED_BICUBIC"})
  void positionsAreResizedAsTheLibraryDoes(NameScheme names, PositionResize resize) {
    Vit vit = vit(sizes(), VitConfig.timm(HEADS));
    Path file = folder.resolve("vit.safetensors");
    VitFile.save(file, vit, names);
    Vit larger = VitFile.load(file, VitOptions.DEFAULT.withImageSize(20, 16));
    assertThat(larger.weights().get("pos_embed").toDoubles())
        .isEqualTo(resize.apply(vit.weights().get("pos_embed"), 1, 3, 3, 5, 4).toDoubles());
    assertThat(larger.forward(random(Shape.of(1, 3, 20, 16))).shape()).isEqualTo(Shape.of(1, 5));
    assertThatThrownBy(() -> VitFile.load(file, VitOptions.DEFAULT.withImageSize(18, 16)))
        .isInstanceOf(TenonException.class).hasMessageContaining("18×16");
  }

  /** AugReg's layout, written here as NumPy would. */
  @ParameterizedTest
  @CsvSource({"'', Transformer/posembed_input/pos_embedding, 1, 2, 3", "params/, pos_embedding, 0, 1, 0"})
  void augRegArraysAreRead(String prefix, String position, int attention, int norm, int mlp) throws IOException {
    Vit vit = vit(sizes(), VitConfig.timm(HEADS));
    Weights w = vit.weights();
    Path file = folder.resolve("augreg.npz");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      array(zip, prefix + "cls", w.get("cls_token"));
      array(zip, prefix + position, w.get("pos_embed"));
      array(zip, prefix + "embedding/kernel", w.get("patch_embed.proj.weight").permute(2, 3, 1, 0));
      array(zip, prefix + "embedding/bias", w.get("patch_embed.proj.bias"));
      norm(zip, prefix + "Transformer/encoder_norm/", w, "norm");
      dense(zip, prefix + "head/", w, "head");
      array(zip, prefix + "pre_logits/bias", w.get("head.bias"));
      for (int i = 0; i < 2; i++) {
        String at = prefix + "Transformer/encoderblock_" + i + "/";
        String block = "blocks." + i + ".";
        norm(zip, at + "LayerNorm_0/", w, block + "norm1");
        norm(zip, at + "LayerNorm_" + norm + "/", w, block + "norm2");
        dense(zip, at + "MlpBlock_" + mlp + "/Dense_0/", w, block + "mlp.fc1");
        dense(zip, at + "MlpBlock_" + mlp + "/Dense_1/", w, block + "mlp.fc2");
        String heads = at + "MultiHeadDotProductAttention_" + attention + "/";
        List<String> parts = List.of("query", "key", "value");
        for (int part = 0; part < 3; part++) {
          Tensor kernel = w.get(block + "attn.qkv.weight").slice(0, part * DIM, (part + 1) * DIM);
          Tensor bias = w.get(block + "attn.qkv.bias").slice(0, part * DIM, (part + 1) * DIM);
          array(zip, heads + parts.get(part) + "/kernel", kernel.transpose(0, 1).reshape(DIM, HEADS, DIM / HEADS));
          array(zip, heads + parts.get(part) + "/bias", bias.reshape(HEADS, DIM / HEADS));
        }
        array(zip, heads + "out/kernel", w.get(block + "attn.proj.weight").transpose(0, 1).reshape(HEADS, DIM / HEADS, DIM));
        array(zip, heads + "out/bias", w.get(block + "attn.proj.bias"));
      }
    }
    Vit read = VitFile.load(file, VitOptions.DEFAULT.withHeads(HEADS));
    expectSame(read.weights(), w);
    assertThat(read.config()).isEqualTo(vit.config());
    assertThat(read.weights().asMap().values()).allMatch(t -> t.layout().isContiguous());
    assertThat(VitFile.load(file, VitOptions.DEFAULT.withHeads(HEADS).withImageSize(20, 20)).weights().get("pos_embed").toDoubles())
        .isEqualTo(PositionResize.ALIGNED_BILINEAR.apply(w.get("pos_embed"), 1, 3, 3, 5, 5).toDoubles());
  }

  private static void norm(ZipOutputStream zip, String at, Weights w, String name) throws IOException {
    array(zip, at + "scale", w.get(name + ".weight"));
    array(zip, at + "bias", w.get(name + ".bias"));
  }

  private static void dense(ZipOutputStream zip, String at, Weights w, String name) throws IOException {
    array(zip, at + "kernel", w.get(name + ".weight").transpose(0, 1));
    array(zip, at + "bias", w.get(name + ".bias"));
  }

  private static void array(ZipOutputStream zip, String name, Tensor t) throws IOException {
    zip.putNextEntry(new ZipEntry(name + ".npy"));
    String shape = t.shape().toString().replace('[', '(').replace("]", ",)");
    String header = "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }";
    String padded = header + " ".repeat(63 - (header.length() + 10) % 64) + "\n";
    ByteBuffer bytes = ByteBuffer.allocate(10 + padded.length() + 4 * (int) t.size()).order(ByteOrder.LITTLE_ENDIAN);
    bytes.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII)).put((byte) 1).put((byte) 0);
    bytes.putShort((short) padded.length()).put(padded.getBytes(StandardCharsets.US_ASCII));
    for (float value : t.toFloats()) {
      bytes.putFloat(value);
    }
    zip.write(bytes.array());
    zip.closeEntry();
  }

  /** Two samples further apart than before, and two in between: the ends stay, the rest is linear between them. */
  @Test
  void alignedBilinearIsLinearBetweenTheCorners() {
    Tensor grid = Tensor.of(DType.F64, Shape.of(1, 4, 1), 0, 3, 6, 9);
    assertThat(PositionResize.ALIGNED_BILINEAR.apply(grid, 0, 2, 2, 3, 4).toDoubles())
        .containsExactly(new double[] {0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9}, within(1e-14));
  }
}
