package dev.tenon.model.adapter;

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
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitConfig;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Adapting, counting and folding a small network. */
class MergeTest {
  private static final int WIDTH = 16;
  private static final int BLOCKS = 2;
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
  @CsvSource({"F32, 1, 1", "F32, 4, 2", "F32, 64, 3", "F64, 1, 5", "F64, 8, 4", "F64, 16, 16"})
  void aFadedNetworkMergesIntoAPlainOneOfTheSameFunction(DType dtype, int experts, int rank) {
    Vit plain = plain(dtype);
    Vit adapted = MoefiedLora.of(experts, rank, 7).adapt(plain);

    assertThat(trained(adapted))
        .isEqualTo(BLOCKS * (rank * 16 * WIDTH + experts * WIDTH) + (WIDTH + 1) * CLASSES);
    assertThatThrownBy(() -> Merge.merge(adapted, 0.5)).isInstanceOf(TenonException.class).hasMessageContaining("0.5");
    Vit merged = Merge.merge(adapted, 1);
    assertMerged(plain, adapted, merged);
  }

  @ParameterizedTest
  @EnumSource
  void plainLoraOnAnyLayerMergesToo(Lora.Target target) {
    Vit plain = plain(DType.F64);
    Vit adapted = new Lora(3, Set.of(target), 0.3, 5).adapt(plain);

    assertMerged(plain, adapted, Merge.merge(adapted, 0));
  }

  @Test
  void sortingChannelsKeepsTheFunctionAndTheOrderIsKnown() {
    Vit plain = plain(DType.F64);
    Map<String, Tensor> sorted = ExpertOrder.sorted(plain, ExpertOrder.find(plain, BalancedKMeans.of(8, 3)));
    for (int i = 0; i < BLOCKS; i++) {
      double[] order = ExpertOrder.of(new Weights(sorted), i).orElseThrow().toDoubles();
      assertThat(order).as("not the identity").isNotEqualTo(IntStream.range(0, 4 * WIDTH).asDoubleStream().toArray());
      double[] ascending = Arrays.stream(order).sorted().toArray();
      assertThat(ascending).containsExactly(IntStream.range(0, 4 * WIDTH).asDoubleStream().toArray());
    }
    Vit clustered = new Vit(plain.weights().with(sorted), plain.config());
    assertThat(Merge.drift(plain, clustered, images(DType.F64)).largest()).isLessThanOrEqualTo(1e-10);
    assertThat(clustered.weights().parameters()).isEqualTo(plain.weights().parameters());
  }

  @Test
  void channelsSortedBeforeAreTakenAsTheyAre() {
    Vit plain = plain(DType.F64);
    Lora lora = new Lora(2, EnumSet.allOf(Lora.Target.class), 0.02, 7);
    Vit adapted = new MoefiedLora(4, lora, 0, 300).adapt(plain);
    assertThat(ExpertOrder.of(adapted.weights(), 0)).isEmpty();
    assertThat(adapted.weights().get("blocks.0.mlp.fc1.weight").toDoubles())
        .isEqualTo(plain.weights().get("blocks.0.mlp.fc1.weight").toDoubles());
    assertThatThrownBy(() -> new MoefiedLora(5, lora, 0, 300).adapt(plain))
        .isInstanceOf(TenonException.class).hasMessageContainingAll("64 hidden channels", "5 experts");
  }

  @Test
  void aNetworkThatIsNotTheSameShowsItsDrift() {
    Vit plain = plain(DType.F64);
    Tensor bias = plain.weights().get("head.bias");
    double[] shifted = bias.toDoubles();
    shifted[2] += 100;
    Vit other = new Vit(plain.weights().with(Map.of("head.bias", Tensor.of(DType.F64, bias.shape(), shifted))), plain.config());
    Merge.Drift drift = Merge.drift(plain, other, images(DType.F64));
    assertThat(drift.largest()).isCloseTo(100, within(1e-10));
    assertThat(drift.sameClasses()).isFalse();
  }

  private static void assertMerged(Vit plain, Vit adapted, Vit merged) {
    DType dtype = plain.weights().get("head.bias").dtype();
    assertThat(merged.weights().asMap().keySet()).isEqualTo(plain.weights().asMap().keySet());
    assertThat(merged.weights().parameters()).isEqualTo(plain.weights().parameters());
    Merge.Drift drift = Merge.drift(adapted, merged, images(dtype));
    assertThat(drift.sameClasses()).isTrue();
    assertThat(drift.largest()).isLessThanOrEqualTo(dtype == DType.F64 ? 1e-10 : 1e-4);
    assertThat(Merge.drift(plain, merged, images(dtype)).largest()).as("the updates start away from zero").isGreaterThan(1e-4);
  }

  private static long trained(Vit adapted) {
    return adapted.weights().asMap().values().stream().filter(Tensor::requiresGrad).mapToLong(Tensor::size).sum();
  }

  private static Tensor images(DType dtype) {
    return random(dtype, 99, 2, 3, 8, 8);
  }

  private static Vit plain(DType dtype) {
    Map<String, Tensor> w = new LinkedHashMap<>();
    w.put("cls_token", random(dtype, 1, 1, 1, WIDTH));
    w.put("pos_embed", random(dtype, 2, 1, 5, WIDTH));
    w.put("patch_embed.proj.weight", random(dtype, 3, WIDTH, 3, 4, 4));
    w.put("patch_embed.proj.bias", random(dtype, 4, WIDTH));
    for (int i = 0; i < BLOCKS; i++) {
      String block = "blocks." + i + ".";
      layer(w, block + "norm1", WIDTH);
      layer(w, block + "attn.qkv", 3 * WIDTH, WIDTH);
      layer(w, block + "attn.proj", WIDTH, WIDTH);
      layer(w, block + "norm2", WIDTH);
      layer(w, block + "mlp.fc1", 4 * WIDTH, WIDTH);
      layer(w, block + "mlp.fc2", WIDTH, 4 * WIDTH);
    }
    layer(w, "norm", WIDTH);
    layer(w, "head", CLASSES, WIDTH);
    return new Vit(new Weights(w), VitConfig.timm(2));
  }

  private static void layer(Map<String, Tensor> w, String name, long... shape) {
    w.put(name + ".weight", random(w.get("cls_token").dtype(), name.hashCode(), shape));
    w.put(name + ".bias", random(w.get("cls_token").dtype(), 50, shape[0]));
  }

  private static Tensor random(DType dtype, long seed, long... shape) {
    Philox random = Philox.of(seed);
    Shape s = Shape.of(shape);
    return Tensor.of(dtype, s, IntStream.range(0, (int) s.size()).mapToDouble(i -> 0.3 * random.normal(i)).toArray());
  }
}
