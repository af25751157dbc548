package dev.tenon.model.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.Weights;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitConfig;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Adapting, counting and folding a small network. */
class MergeTest {
  private static final int WIDTH = 16;
  private static final int CLASSES = 5;
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

  @ParameterizedTest
  @EnumSource(value = DType.class, names = {"F32", "F64"})
  void aFadedNetworkMergesIntoAPlainOneOfTheSameFunction(DType dtype) {
    Vit plain = plain(dtype);
    Vit adapted = MoefiedLora.of(4, 2, 7).adapt(plain);
    Tensor images = random(dtype, 99, 2, 3, 8, 8);

    assertThat(adapted.weights().asMap().values().stream().filter(Tensor::requiresGrad)
        .mapToLong(Tensor::size).sum())
        .isEqualTo(2 * 16 * WIDTH + 4 * WIDTH + (WIDTH + 1) * CLASSES);
    assertThatThrownBy(() -> Merge.merge(adapted, 0.5)).isInstanceOf(TenonException.class).hasMessageContaining("0.5");
    Vit merged = Merge.merge(adapted, 1);
    assertThat(merged.weights().asMap().keySet()).isEqualTo(plain.weights().asMap().keySet());
    assertThat(merged.weights().parameters()).isEqualTo(plain.weights().parameters());
    Merge.Drift drift = Merge.drift(adapted, merged, images);
    assertThat(drift.sameClasses()).isTrue();
    assertThat(drift.largest()).isLessThanOrEqualTo(dtype == DType.F64 ? 1e-10 : 1e-4);
    assertThat(Merge.drift(plain, merged, images).largest()).as("the updates start away from zero").isGreaterThan(1e-4);
  }

  private static Vit plain(DType dtype) {
    Map<String, Tensor> w = new LinkedHashMap<>();
    w.put("cls_token", random(dtype, 1, 1, 1, WIDTH));
    w.put("pos_embed", random(dtype, 2, 1, 5, WIDTH));
    w.put("patch_embed.proj.weight", random(dtype, 3, WIDTH, 3, 4, 4));
    w.put("patch_embed.proj.bias", random(dtype, 4, WIDTH));
    layer(w, "blocks.0.norm1", WIDTH);
    layer(w, "blocks.0.attn.qkv", 3 * WIDTH, WIDTH);
    layer(w, "blocks.0.attn.proj", WIDTH, WIDTH);
    layer(w, "blocks.0.norm2", WIDTH);
    layer(w, "blocks.0.mlp.fc1", 4 * WIDTH, WIDTH);
    layer(w, "blocks.0.mlp.fc2", WIDTH, 4 * WIDTH);
    layer(w, "norm", WIDTH);
    layer(w, "head", CLASSES, WIDTH);
    return new Vit(new Weights(w), VitConfig.timm(2));
  }

  private static void layer(Map<String, Tensor> w, String name, long... shape) {
    w.put(name + ".weight", random(w.get("cls_token").dtype(), name.length(), shape));
    w.put(name + ".bias", random(w.get("cls_token").dtype(), 50, shape[0]));
  }

  private static Tensor random(DType dtype, long seed, long... shape) {
    Philox random = Philox.of(seed);
    Shape s = Shape.of(shape);
    return Tensor.of(dtype, s, IntStream.range(0, (int) s.size()).mapToDouble(i -> 0.3 * random.normal(i)).toArray());
  }
}
