package dev.tenon.model.affinity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Gradients;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.Phase;
import dev.tenon.model.SameConv;
import dev.tenon.model.Weights;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What CTAL's decoder computes, how large it is, what learns in it and what it refuses; golden cases hold its numbers elsewhere. */
class AffinityDecoderTest {
  private static final AffinityConfig CONFIG = AffinityConfig.of("semseg", "depth");
  private static final DecoderSizes SIZES = new DecoderSizes(CONFIG, List.of(5, 1), 10, 16, 8, 12);
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

  private static Tensor normal(int seed, long... shape) {
    Philox random = Philox.of(seed);
    double[] values = new double[(int) Shape.of(shape).size()];
    Arrays.setAll(values, random::normal);
    return Tensor.of(DType.F64, Shape.of(shape), values);
  }

  /** Values are features; features of two pixels in three channels. */
  private static List<Tensor> exchanged(double gamma, Tensor kernels, List<Tensor> features) {
    double[] identity = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    SameConv same = new SameConv(Tensor.of(DType.F64, Shape.of(3, 3, 1, 1), identity), Optional.empty());
    AffinityConfig config = new AffinityConfig(List.of("a", "b"), gamma);
    return new SpatialAffinity(config, List.of(same, same), kernels, Tensor.zeros(DType.F64, Shape.of(2))).apply(features);
  }

  @Test
  void withoutDiffusionFeaturesStayAsTheyAre() {
    List<Tensor> features = List.of(normal(1, 1, 3, 1, 2), normal(2, 1, 3, 1, 2));
    List<Tensor> outputs = exchanged(0, normal(3, 2, 2, 3, 3), features);
    for (int t = 0; t < 2; t++) {
      assertThat(outputs.get(t).toDoubles()).containsExactly(features.get(t).toDoubles());
    }
  }

  /** Pixel q hears pixel p by {@code Σ_t k(q, t)·cos_t(q, p)}, whichever task's values it hears. */
  @Test
  void kernelsOfOneTapWeighTheCosinesOfEachTask() {
    List<Tensor> features = List.of(normal(1, 1, 3, 1, 2), normal(2, 1, 3, 1, 2));
    double[] weight = {0.5, -2, 3, 0.25};
    double[] kernels = new double[2 * 2 * 9];
    for (int i = 0; i < weight.length; i++) {
      kernels[9 * i + 4] = weight[i];
    }
    List<Tensor> outputs = exchanged(1, Tensor.of(DType.F64, Shape.of(2, 2, 3, 3), kernels), features);
    for (int t = 0; t < 2; t++) {
      for (int q = 0; q < 2; q++) {
        double own = weight[2 * q] + weight[2 * q + 1];
        double other = weight[2 * q] * cosine(features.get(0)) + weight[2 * q + 1] * cosine(features.get(1));
        for (int c = 0; c < 3; c++) {
          double[] v = features.get(t).toDoubles();
          assertThat(outputs.get(t).toDoubles()[2 * c + q]).isCloseTo(own * v[2 * c + q] + other * v[2 * c + 1 - q], within(1e-12));
        }
      }
    }
  }

  private static double cosine(Tensor twoPixels) {
    double[] v = twoPixels.toDoubles();
    double dot = v[0] * v[1] + v[2] * v[3] + v[4] * v[5];
    return dot / Math.sqrt((v[0] * v[0] + v[2] * v[2] + v[4] * v[4]) * (v[1] * v[1] + v[3] * v[3] + v[5] * v[5]));
  }

  @Test
  void publishedSizesHaveThePublishedNumbersOfParameters() {
    DecoderSizes rooms = DecoderSizes.published(AffinityConfig.of("semseg", "depth", "normals"), List.of(13, 1, 3), 72 * 96);
    assertThat(DecoderSizes.parameters(rooms.module())).isEqualTo(1_375_488);
    assertThat(DecoderSizes.parameters(rooms.decoder())).isEqualTo(638_353 + 1_375_488 + 108_945);
    DecoderSizes streets = DecoderSizes.published(CONFIG, List.of(19, 1), 32 * 64);
    assertThat(DecoderSizes.parameters(streets.decoder())).isEqualTo(427_796 + 826_880 + 73_748);
  }

  @ParameterizedTest
  @EnumSource(Phase.class)
  void predictionsAreOfTheImagesSizeAndGradientsReachWhateverLearns(Phase phase) {
    Weights weights = DecoderSizes.random(SIZES.decoder(), DType.F64, 1);
    double[] before = weights.get("affinity_learning_module.conv_out.depth.1.running_var").toDoubles();
    Tensor x = normal(4, 2, 10, 3, 4).withGrad();
    try (Tape tape = Tape.record()) {
      List<AffinityDecoder.Prediction> predictions = new AffinityDecoder(weights, CONFIG).apply(x, 12, 16, phase);
      Map<Tensor, Tensor> seeds = new LinkedHashMap<>();
      for (int t = 0; t < 2; t++) {
        for (Tensor p : List.of(predictions.get(t).initial(), predictions.get(t).refined())) {
          assertThat(p.shape()).isEqualTo(Shape.of(2, SIZES.outputs().get(t), 12, 16));
          seeds.put(p, normal(5 + t, 2, SIZES.outputs().get(t), 12, 16));
        }
      }
      Gradients gradients = tape.backward(seeds);
      assertThat(Arrays.stream(gradients.of(x).toDoubles()).anyMatch(g -> g != 0)).isTrue();
      weights.asMap().forEach((name, t) -> assertThat(gradients.of(t) != null).as(name).isEqualTo(!DecoderSizes.isStatistic(name)));
    }
    double[] after = weights.get("affinity_learning_module.conv_out.depth.1.running_var").toDoubles();
    assertThat(Arrays.equals(before, after)).isEqualTo(phase == Phase.EVALUATION);
  }

  @ParameterizedTest
  @EnumSource(Phase.class)
  void statisticsMayBeWiderThanWhatIsComputedWith(Phase phase) {
    Map<String, Tensor> mixed = new LinkedHashMap<>();
    DecoderSizes.random(SIZES.module(), DType.F32, 1).asMap()
        .forEach((name, t) -> mixed.put(name, DecoderSizes.isStatistic(name) ? t : t.cast(DType.BF16)));
    List<Tensor> features = List.of(normal(1, 1, 16, 3, 4).cast(DType.BF16), normal(2, 1, 16, 3, 4).cast(DType.BF16));
    assertThat(new CrossTaskAffinity(new Weights(mixed), "", CONFIG).apply(features, phase)).allSatisfy(y -> {
      assertThat(y.dtype()).isEqualTo(DType.BF16);
      assertThat(y.shape()).isEqualTo(Shape.of(1, 8, 6, 8));
    });
  }

  @Test
  void whatDoesNotFitIsRefusedInASentence() {
    CrossTaskAffinity module = new CrossTaskAffinity(DecoderSizes.random(SIZES.module(), DType.F64, 1), "", CONFIG);
    Tensor right = normal(1, 1, 16, 3, 4);
    refused(module, List.of(right), "a decoder of 2 tasks [semseg, depth] needs the features of each of them, but got 1");
    refused(module, List.of(right, normal(2, 1, 15, 3, 4)),
        "the features of task depth must be [B, 16, H, W], of one size for all tasks, but are [1, 15, 3, 4]");
    refused(module, List.of(right, normal(2, 1, 16, 4, 3)), "the features of task depth must be");
    Tensor larger = normal(1, 1, 16, 4, 4);
    refused(module, List.of(larger, larger), "the affinity's kernels are for 2 maps of 12 pixels, but there are 2 of 4×4");
    assertThatThrownBy(() -> AffinityConfig.of("depth", "depth"))
        .isInstanceOf(TenonException.class).hasMessageContaining("each named once");
    assertThatThrownBy(() -> new AffinityDecoder(new Weights(Map.of()), CONFIG))
        .isInstanceOf(TenonException.class).hasMessageContaining("lack initial_task_prediction_heads.layers.semseg.0.conv1.weight");
  }

  private static void refused(CrossTaskAffinity module, List<Tensor> features, String sentence) {
    assertThatThrownBy(() -> module.apply(features, Phase.EVALUATION)).isInstanceOf(TenonException.class).hasMessageContaining(sentence);
  }
}
