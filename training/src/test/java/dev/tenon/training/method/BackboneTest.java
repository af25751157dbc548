package dev.tenon.training.method;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.engine.io.TensorEntry;
import dev.tenon.model.Fade;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitConfig;
import dev.tenon.model.vit.VitFile;
import dev.tenon.model.vit.VitOptions;
import dev.tenon.training.image.ExifOrientation;
import dev.tenon.training.image.Image;
import dev.tenon.training.image.ImageDecoder;
import dev.tenon.training.image.Interpolation;
import dev.tenon.training.image.Normalize;
import dev.tenon.training.image.Preprocessing;
import dev.tenon.training.image.Resize;
import dev.tenon.training.recipe.ModelSpec;
import dev.tenon.training.recipe.ModelSpec.Pooling;
import dev.tenon.training.recipe.ModelSpec.WeightFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What a run starts from; and a real pretrained ViT-Tiny, from file to classes. */
class BackboneTest {
  private static final Path DATA = Path.of(System.getProperty("tenon.data", "../../shared/data")).resolve("weights");
  private static final Pattern TAB = Pattern.compile("\t");
  private static final int SIDE = 224;
  private static Backend backend;

  @BeforeAll
  static void open() {
    backend = Backends.open(Device.CPU);
  }

  @AfterAll
  static void close() {
    backend.close();
  }

  private static Vit vit() {
    Path file = DATA.resolve("vit_tiny_patch16_224.tinyimagenet.safetensors");
    assumeTrue(Files.exists(file), () -> file + " is not there; set tenon.data to the folder of real data");
    return VitFile.load(file, VitOptions.DEFAULT);
  }

  @Test
  void logitsAndClassFeatureAreTheReferences() {
    try (Scope _ = Scope.open(backend)) {
      Vit vit = vit();
      assertThat(vit.config().eps()).isEqualTo(1e-12);
      assertThat(vit.weights().parameters()).isEqualTo(5_563_016);
      try (SafetensorsFile reference = Safetensors.open(DATA.resolve("vit_tiny_reference.safetensors"))) {
        TensorEntry image = reference.entry("in.x");
        Tensor tokens = vit.tokens(Tensor.of(image.dtype(), image.shape(), image.data()), Fade.DONE);
        assertThat(distance(vit.pool(tokens), reference.entry("out.cls"))).isLessThan(1e-4);
        assertThat(distance(vit.logits(tokens), reference.entry("out.logits"))).isLessThan(1e-4);
      }
    }
  }

  @Test
  void aRecipeResizesItAndMayNotContradictIt() {
    Path file = DATA.resolve("vit_tiny_patch16_224.tinyimagenet.safetensors");
    assumeTrue(Files.exists(file), () -> file + " is not there; set tenon.data to the folder of real data");
    try (Scope _ = Scope.open(backend)) {
      Vit vit = Backbone.load(new ModelSpec(file, WeightFormat.AUTO, 96, 16, 0, 12, 0, 0.02, 4, Pooling.AUTO, 0), 0);
      assertThat(vit.weights().get("pos_embed").shape()).isEqualTo(Shape.of(1, 37, 192));
      assertThat(vit.config()).isEqualTo(VitConfig.timm(3).withEps(1e-12));
      ModelSpec wider = new ModelSpec(file, WeightFormat.TIMM, 96, 0, 384, 0, 0, 0.02, 4, Pooling.AUTO, 0);
      assertThatThrownBy(() -> Backbone.load(wider, 0))
          .isInstanceOf(TenonException.class).hasMessageContaining("model.dim is 384").hasMessageContaining("192");
      ModelSpec otherNames = new ModelSpec(file, WeightFormat.TORCHVISION, 96, 0, 0, 0, 0, 0.02, 4, Pooling.AUTO, 0);
      assertThatThrownBy(() -> Backbone.load(otherNames, 0))
          .isInstanceOf(TenonException.class).hasMessageContaining("torchvision");
    }
  }

  @Test
  void withoutAFileItIsRandomOfTheGivenSizes() {
    try (Scope _ = Scope.open(backend)) {
      Vit vit = Backbone.load(new ModelSpec(Path.of(""), WeightFormat.NONE, 16, 8, 24, 2, 4, 0.02, 2, Pooling.MEAN, 1e-5), 7);
      assertThat(vit.config()).isEqualTo(VitConfig.timm(4).withEps(1e-5).with(VitConfig.Pooling.AVERAGE));
      assertThat(vit.depth()).isEqualTo(2);
      assertThat(vit.weights().get("blocks.1.mlp.fc1.weight").shape()).isEqualTo(Shape.of(48, 24));
      assertThat(vit.forward(Tensor.zeros(DType.F32, Shape.of(3, 3, 16, 16))).shape()).isEqualTo(Shape.of(3, 24));
    }
  }

  private static double distance(Tensor actual, TensorEntry expected) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    double[] values = actual.toDoubles();
    return IntStream.range(0, values.length).mapToDouble(i -> Math.abs(values[i] - expected.valueAt(i))).max().orElseThrow();
  }

  @Test
  void recognizesItsValidationImages() throws IOException {
    Preprocessing preprocessing = Preprocessing.squash(SIDE, new Resize(Interpolation.BILINEAR, true), Normalize.HALF);
    ImageDecoder decoder = new ImageDecoder(ExifOrientation.IGNORE);
    try (Scope _ = Scope.open(backend)) {
      Vit vit = vit();
      Map<String, Integer> logits = new HashMap<>();
      for (String line : Files.readAllLines(DATA.resolve("logit_to_wnid.tsv")).stream().skip(1).toList()) {
        List<String> cells = List.of(TAB.split(line, -1));
        logits.put(cells.get(1), Integer.valueOf(cells.get(0)));
      }
      List<String> labels = Files.readAllLines(DATA.resolve("tinyimagenet_val/labels.tsv"));
      int right = 0;
      for (String line : labels) {
        List<String> cells = List.of(TAB.split(line, -1));
        Image image = decoder.decode(DATA.resolve("tinyimagenet_val/images").resolve(cells.get(0)));
        try (Scope _ = Scope.open()) {
          double[] scores = vit.forward(Tensor.of(preprocessing.apply(image), 1, 3, SIDE, SIDE)).toDoubles();
          double best = Arrays.stream(scores).max().orElseThrow();
          right += scores[logits.get(cells.get(1))] == best ? 1 : 0;
        }
      }
      assertThat(100.0 * right / labels.size()).isBetween(71.5, 75.5);
    }
  }
}
