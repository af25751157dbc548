package dev.tenon.training.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.Weights;
import dev.tenon.model.adapter.Adapters;
import dev.tenon.model.adapter.MoefiedLora;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OnnxExportTest {
  private static final int DIM = 12;
  private static final int CLASSES = 5;

  @TempDir private Path folder;

  /** A network of two blocks with every optional part that the arguments ask for; 9 patches of 4×4. */
  private static Vit vit(boolean token, boolean layerScale, boolean featureNorm) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    shapes.put("patch_embed.proj.weight", new long[] {DIM, 3, 4, 4});
    shapes.put("patch_embed.proj.bias", new long[] {DIM});
    if (token) {
      shapes.put("cls_token", new long[] {1, 1, DIM});
    }
    shapes.put("pos_embed", new long[] {1, token ? 10 : 9, DIM});
    for (String at : new String[] {"blocks.0.", "blocks.1."}) {
      norm(shapes, at + "norm1");
      linear(shapes, at + "attn.qkv", 3 * DIM, DIM);
      linear(shapes, at + "attn.proj", DIM, DIM);
      norm(shapes, at + "norm2");
      linear(shapes, at + "mlp.fc1", 2 * DIM, DIM);
      linear(shapes, at + "mlp.fc2", DIM, 2 * DIM);
      if (layerScale) {
        shapes.put(at + "ls1.gamma", new long[] {DIM});
        shapes.put(at + "ls2.gamma", new long[] {DIM});
      }
    }
    norm(shapes, featureNorm ? "fc_norm" : "norm");
    linear(shapes, "head", CLASSES, DIM);
    Map<String, Tensor> weights = new LinkedHashMap<>();
    shapes.forEach((name, shape) -> {
      Philox random = Philox.of(1).split(name);
      weights.put(name, Adapters.filled(DType.F32, Shape.of(shape), i -> 0.5 * random.normal(i)));
    });
    var pooling = token ? VitConfig.Pooling.TOKEN : VitConfig.Pooling.AVERAGE;
    return new Vit(new Weights(weights), VitConfig.timm(3).with(pooling));
  }

  private static void norm(Map<String, long[]> shapes, String name) {
    shapes.put(name + ".weight", new long[] {DIM});
    shapes.put(name + ".bias", new long[] {DIM});
  }

  private static void linear(Map<String, long[]> shapes, String name, long out, long in) {
    shapes.put(name + ".weight", new long[] {out, in});
    shapes.put(name + ".bias", new long[] {out});
  }

  private static Tensor images(int batch) {
    Philox random = Philox.of(2);
    return Adapters.filled(DType.F32, Shape.of(batch, 3, 12, 12), random::normal);
  }

  @ParameterizedTest
  @CsvSource({"true,false,false,2", "true,true,false,1", "false,true,true,3"})
  void theGraphComputesWhatTheNetworkComputes(boolean token, boolean layerScale, boolean featureNorm, int batch)
      throws IOException {
    try (HostBackend backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      Vit vit = vit(token, layerScale, featureNorm);
      Path file = folder.resolve("vit.onnx");
      OnnxExport.write(file, vit, 12, 12, Map.of("classes", "a,b"));
      Tensor expected = vit.forward(images(batch));
      Tensor actual = new OnnxRuntime(Files.readAllBytes(file)).run("images", images(batch), "logits");
      assertThat(actual.shape()).isEqualTo(expected.shape());
      // The same F32 operations in another order: rounding of about as many of them as lie on a path through the network.
      double bound = 256 * DType.F32.roundoff() * largest(expected);
      assertThat(actual.toDoubles()).containsExactly(expected.toDoubles(), within(bound));
    }
  }

  private static double largest(Tensor t) {
    return Arrays.stream(t.toDoubles()).map(Math::abs).max().orElseThrow();
  }

  @Test
  void aNetworkWithAdaptersIsRefused() {
    try (HostBackend backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      Vit adapted = MoefiedLora.of(4, 2, 1).adapt(vit(true, false, false));
      Path file = folder.resolve("adapted.onnx");
      assertThatThrownBy(() -> OnnxExport.write(file, adapted, 12, 12, Map.of()))
          .isInstanceOf(TenonException.class).hasMessageContaining("merge");
      assertThat(file).doesNotExist();
    }
  }
}
