package dev.tenon.training.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.io.CacheFolder;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.model.adapter.MoefiedLora;
import dev.tenon.model.vit.NameScheme;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitFile;
import dev.tenon.model.vit.VitOptions;
import dev.tenon.training.demo.DemoTask;
import dev.tenon.training.demo.DemoWorld;
import dev.tenon.training.model.BaseHash;
import dev.tenon.training.model.ModelCard;
import dev.tenon.training.model.SmallVit;
import dev.tenon.training.model.TrainedModel;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** cluster, merge and predict, on the files they read and write. */
class ModelCommandsTest {
  @TempDir private Path folder;
  private Path base;
  private Path adapter;
  private Path model;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int tenon(Object... args) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    String[] texts = List.of(args).stream().map(Object::toString).toArray(String[]::new);
    return Main.run(Map.of(CacheFolder.VARIABLE, folder.resolve("cache").toString()), new PrintWriter(out), new PrintWriter(err), texts);
  }

  @BeforeEach
  void files() {
    base = folder.resolve("base.safetensors");
    adapter = folder.resolve("adapter.safetensors");
    model = folder.resolve("model.safetensors");
    try (HostBackend backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      Vit pretrained = SmallVit.of(1, 5);
      VitFile.save(base, pretrained, NameScheme.HUGGINGFACE);
      TrainedModel adapted = new TrainedModel(
          MoefiedLora.of(4, 2, 3).adapt(pretrained), SmallVit.card(1, BaseHash.of(pretrained.weights())));
      adapted.saveAdapter(adapter);
      adapted.merged().save(model);
    }
  }

  @Test
  void clusteringReportsEveryBlockAndKeepsTheFunction() {
    Path sorted = folder.resolve("sorted.safetensors");
    assertThat(tenon("cluster", base, "-o", sorted, "--experts", 8)).as(err::toString).isEqualTo(ExitCode.OK);
    assertThat(out.toString()).contains("block 0 ", "block 1 ", "inertia", "the same classes", sorted.toString());
    try (HostBackend backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      Vit after = VitFile.load(sorted, VitOptions.DEFAULT);
      assertThat(after.weights().parameters()).isEqualTo(SmallVit.of(1, 5).weights().parameters());
      assertThat(after.weights().get("blocks.0.mlp.fc1.weight").toDoubles())
          .isNotEqualTo(SmallVit.of(1, 5).weights().get("blocks.0.mlp.fc1.weight").toDoubles());
    }
    assertThat(tenon("cluster", base, "-o", folder.resolve("no.safetensors"), "--experts", 7)).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString()).contains("64", "7 clusters");
    assertThat(folder.resolve("no.safetensors")).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource({"timm, blocks.0.attn.qkv.weight", "huggingface, vit.encoder.layer.0.attention.attention.query.weight",
    "torchvision, encoder.layers.encoder_layer_0.self_attention.in_proj_weight"})
  void mergingWritesAPlainModelUnderTheNamesAskedFor(String names, String tensor) {
    Path merged = folder.resolve("merged.safetensors");
    assertThat(tenon("merge", adapter, "--base", base, "-o", merged, "--names", names)).as(err::toString).isEqualTo(ExitCode.OK);
    assertThat(out.toString()).contains("largest difference", "the same classes", "parameters written to " + merged);
    try (SafetensorsFile file = Safetensors.open(merged)) {
      assertThat(file.names()).contains(tensor).noneMatch(name -> name.contains("lora"));
    }
    assertThat(ModelCard.read(merged)).isEqualTo(ModelCard.read(model));
    assertThat(tenon("predict", merged, image(0))).as(err::toString).isEqualTo(ExitCode.OK);
  }

  @Test
  void aPlainModelIsExportedAndAnAdapterIsNot() {
    Path onnx = folder.resolve("model.onnx");
    assertThat(tenon("export", model, "--onnx", onnx)).as(err::toString).isEqualTo(ExitCode.OK);
    assertThat(out.toString()).contains(onnx.toString(), "images [batch, 3, 8, 8]", "logits [batch, 5]");
    assertThat(onnx).exists();
    assertThat(tenon("export", base, "--onnx", onnx)).as(err::toString).isEqualTo(ExitCode.OK);
    assertThat(out.toString()).contains("images [batch, 3, 8, 8]", "logits [batch, 5]");

    Path refused = folder.resolve("refused.onnx");
    assertThat(tenon("export", adapter, "--onnx", refused)).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString()).contains(adapter.toString(), "merge");
    assertThat(tenon("export", model, "--onnx", refused, "--image-size", 16)).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString()).contains("8 pixels", "--image-size");
    assertThat(tenon("export", model)).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains("--onnx");
    assertThat(refused).doesNotExist();
    assertThat(tenon("export", model, "--onnx", folder.resolve("none/model.onnx"))).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString()).contains("none", "create it first");
  }

  @Test
  void mergingWithOtherWeightsOrWithoutAnyIsRefused() {
    Path merged = folder.resolve("merged.safetensors");
    assertThat(tenon("merge", adapter, "-o", merged)).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString()).contains("--base");
    assertThat(tenon("merge", adapter, "--base", model, "-o", merged)).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString()).contains("other base weights");
    assertThat(merged).doesNotExist();
  }

  @Test
  void predictingNamesTheLikeliestClassesOfEachTask() throws IOException {
    assertThat(tenon("predict", model, image(0), image(1), "--top", 2)).as(err::toString).isEqualTo(ExitCode.OK);
    assertThat(out.toString()).contains(image(0).toString(), image(1).toString(), "fruit", "size", "small", " %");
    String whole = out.toString();
    assertThat(tenon("predict", adapter, "--base", base, image(0), image(1), "--top", 2)).as(err::toString).isEqualTo(ExitCode.OK);
    assertThat(out.toString()).isEqualTo(whole);

    assertThat(tenon("predict", model, "--json", image(0), image(1), "--top", 2)).isEqualTo(ExitCode.OK);
    List<String> lines = out.toString().lines().toList();
    assertThat(lines).hasSize(2);
    JsonNode first = new JsonMapper().readTree(lines.getFirst());
    assertThat(first.get("image").asText()).isEqualTo(image(0).toString());
    assertThat(first.get("tasks")).hasSize(2);
    assertThat(first.get("tasks").get(0).get("top")).hasSize(2);
    assertThat(first.get("tasks").get(0).get("top").get(0).get("probability").asDouble()).isBetween(1.0 / 3, 1.0);
  }

  @ParameterizedTest
  @EnumSource(WeightFormat.class)
  void smallerWeightsSayTheSameClass(WeightFormat weights) throws IOException {
    assertThat(tenon("predict", model, "--json", image(0), image(1))).as(err::toString).isEqualTo(ExitCode.OK);
    List<String> whole = likeliest();
    assertThat(tenon("predict", model, "--json", image(0), image(1), "--weights", weights)).as(err::toString).isEqualTo(ExitCode.OK);
    assertThat(likeliest()).hasSize(4).isEqualTo(whole);
  }

  /** The likeliest class of every task of every image, as they were just printed. */
  private List<String> likeliest() throws IOException {
    List<String> classes = new ArrayList<>();
    for (String line : out.toString().lines().toList()) {
      new JsonMapper().readTree(line).get("tasks").forEach(task -> classes.add(task.get("top").get(0).get("class").asText()));
    }
    return classes;
  }

  @Test
  void aFormatOfWeightsThatIsNoneIsAUsageError() {
    assertThat(tenon("predict", model, image(0), "--weights", "INT3")).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString().lines().findFirst().orElseThrow()).contains("--weights", "INT3", "F32", "BF16", "INT8");
    assertThat(out.toString()).isEmpty();
  }

  @Test
  void whatIsNoImageOrNoModelIsRefused() throws IOException {
    assertThat(tenon("predict", model, folder)).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString()).contains("this is a folder", "*.jpg");
    Path text = Files.writeString(folder.resolve("a.jpg"), "not an image");
    assertThat(tenon("predict", model, text)).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString()).contains(text.toString());
    assertThat(tenon("predict", adapter, image(0))).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString()).contains("--base");
    assertThat(tenon("predict", base, image(0))).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString()).contains("no model trained by Tenon");
    assertThat(tenon("predict", model)).isEqualTo(ExitCode.USAGE);
    assertThat(out.toString()).isEmpty();
  }

  private Path image(int index) {
    Path file = folder.resolve(index + ".png");
    if (!Files.exists(file)) {
      byte[] rgb = new DemoWorld(1, 24).render(DemoTask.FORMS, DemoWorld.Split.TEST, index, 0);
      BufferedImage image = new BufferedImage(24, 24, BufferedImage.TYPE_INT_RGB);
      for (int i = 0; i < 24 * 24; i++) {
        image.setRGB(i % 24, i / 24, (rgb[3 * i] & 0xFF) << 16 | (rgb[3 * i + 1] & 0xFF) << 8 | rgb[3 * i + 2] & 0xFF);
      }
      try {
        ImageIO.write(image, "png", file.toFile());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return file;
  }
}
