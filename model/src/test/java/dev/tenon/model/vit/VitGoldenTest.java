package dev.tenon.model.vit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Gradients;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.engine.io.TensorEntry;
import dev.tenon.model.Weights;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The ViT, plain and MoEfied, against recorded outputs and gradients of timm and of EMTAL's own code. */
class VitGoldenTest {
  private static final Path GOLDEN = Path.of(System.getProperty("tenon.golden", "../../shared/golden"));

  @ParameterizedTest
  @ValueSource(strings = {"timm_vit_token", "timm_vit_token_ls", "timm_vit_avg", "timm_vit_avg_nocls", "emtal_vit"})
  void outputsAndGradientsAreTheReferences(String name) {
    replay(name, DType.F64);
    replay(name, DType.F32);
  }

  private static void replay(String name, DType dtype) {
    Path path = GOLDEN.resolve(name + ".safetensors");
    assumeTrue(Files.exists(path), "the golden cases are not here: set -Dtenon.golden to run this");
    try (var file = Safetensors.open(path); var backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      Weights weights = weights(file, dtype);
      String config = file.metadata().get("config");
      VitConfig vit = VitConfig.timm((int) number(config, "num_heads", 0))
          .with(config.contains("\"avg\"") ? VitConfig.Pooling.AVERAGE : VitConfig.Pooling.TOKEN);
      Tensor x = tensor(file, "in.x", dtype).withGrad();
      try (Tape tape = Tape.record()) {
        Vit model = new Vit(weights, vit);
        Tensor tokens = model.tokens(x, number(config, "alpha", 1));
        Tensor feature = model.pool(tokens);
        Map<String, Tensor> outputs =
            Map.of("features", tokens, "pre_logits", feature, "fea", feature, "y", model.head(feature));
        Map<Tensor, Tensor> seeds = new HashMap<>();
        outputs.forEach((key, value) -> {
          if (file.names().contains("out." + key)) {
            compare(name + " out." + key, value, file.entry("out." + key), dtype);
          }
          if (file.names().contains("in.cotangent." + key)) {
            seeds.merge(value, tensor(file, "in.cotangent." + key, dtype), Tensor::add);
          }
        });
        Gradients gradients = tape.backward(seeds);
        compare(name + " grad.in.x", gradients.of(x), file.entry("grad.in.x"), dtype);
        weights.asMap().forEach((key, w) -> {
          if (file.names().contains("grad.w." + key)) {
            compare(name + " grad.w." + key, gradients.of(w), file.entry("grad.w." + key), dtype);
          }
        });
      }
    }
  }

  private static Weights weights(SafetensorsFile file, DType dtype) {
    Map<String, Tensor> weights = new LinkedHashMap<>();
    for (String name : file.names()) {
      if (name.startsWith("w.")) {
        weights.put(name.substring(2), tensor(file, name, dtype).withGrad());
      }
    }
    return new Weights(weights);
  }

  private static Tensor tensor(SafetensorsFile file, String name, DType dtype) {
    TensorEntry entry = file.entry(name);
    return Tensor.of(entry.dtype(), entry.shape(), entry.data()).cast(dtype);
  }

  /** The references are stored in f32; an f32 run is held to what the golden set's README asks of one. */
  private static void compare(String what, Tensor actual, TensorEntry expected, DType dtype) {
    double[] reference = new double[Math.toIntExact(expected.shape().size())];
    Arrays.setAll(reference, expected::valueAt);
    double largest = Arrays.stream(reference).map(Math::abs).max().orElse(0);
    double bound = dtype == DType.F64 ? 0x1p-22 * largest + 1e-9 : 1e-4 * largest + 1e-6;
    double[] values = actual.toDoubles();
    assertThat(actual.shape()).as(what).isEqualTo(expected.shape());
    for (int i = 0; i < values.length; i++) {
      assertThat(Math.abs(values[i] - reference[i])).as("%s [%d] in %s", what, i, dtype).isLessThanOrEqualTo(bound);
    }
  }

  private static double number(String config, String key, double otherwise) {
    Matcher m = Pattern.compile("\"" + key + "\": ([0-9.]+)").matcher(config);
    return m.find() ? Double.parseDouble(m.group(1)) : otherwise;
  }
}
