package dev.tenon.model.swin;

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
import dev.tenon.model.Weights;
import dev.tenon.model.swin.SwinConfig.Shifting;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** A small Swin in F64: what comes out, what must not go in, and its gradient. */
class SwinTest {
  private static final SwinSizes SIZES = new SwinSizes(
      Shape.of(3, 2, 2), 4, List.of(new SwinSizes.Stage(2, 1, 3), new SwinSizes.Stage(2, 2, 3)), 2, 5);
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

  private static Tensor random(String name, Shape shape) {
    Philox random = Philox.of(7).split(name);
    return Tensor.of(DType.F64, shape, IntStream.range(0, (int) shape.size()).mapToDouble(i -> 0.5 * random.normal(i)).toArray());
  }

  /** A network whose every tensor is random. */
  static Swin swin(SwinSizes sizes) {
    Map<String, Tensor> weights = new LinkedHashMap<>();
    sizes.tensors().forEach((name, shape) -> weights.put(name, random(name, shape)));
    return new Swin(new Weights(weights), new SwinConfig(1e-5, 3, Shifting.PADDED));
  }

  private static Swin swin(Shifting shifting) {
    return new Swin(swin(SIZES).weights(), new SwinConfig(1e-5, 0, shifting));
  }

  static Tensor images(long... shape) {
    return random("images", Shape.of(shape));
  }

  @ParameterizedTest
  @CsvSource({"12, 12", "24, 12", "14, 20", "8, 26"})
  void everyStageHalvesTheMap(int height, int width) {
    Swin swin = swin(Shifting.PADDED);
    Tensor images = images(2, 3, height, width);
    List<Tensor> features = swin.features(images);
    assertThat(features.getFirst().shape()).isEqualTo(Shape.of(2, height / 2, width / 2, 4));
    assertThat(features.getLast().shape()).isEqualTo(Shape.of(2, (height / 2 + 1) / 2, (width / 2 + 1) / 2, 8));
    assertThat(swin.states(images)).hasSize(4);
    assertThat(swin.forward(images).shape()).isEqualTo(Shape.of(2, 5));
    assertThat(swin.forward(images).toDoubles()).isEqualTo(swin.forward(images).toDoubles());
  }

  /** Nothing tells images of a batch from each other, though they share biases. */
  @ParameterizedTest
  @EnumSource(Shifting.class)
  void anImageIsTheSameAloneAndInABatch(Shifting shifting) {
    Swin swin = swin(shifting);
    Tensor images = images(3, 3, 24, 28);
    double[] batch = swin.forward(images).toDoubles();
    for (int i = 0; i < 3; i++) {
      double[] alone = swin.forward(images.slice(0, i, i + 1)).toDoubles();
      for (int c = 0; c < 5; c++) {
        assertThat(alone[c]).isCloseTo(batch[5 * i + c], within(1e-9));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Shifting.class)
  void biasesWorkedOutBeforehandChangeNothing(Shifting shifting) {
    Swin swin = swin(shifting);
    Tensor images = images(2, 3, 24, 28);
    assertThat(swin.readyFor(24, 28).forward(images).toDoubles()).isEqualTo(swin.forward(images).toDoubles());
    assertThatThrownBy(() -> swin.readyFor(12, 28).forward(images)).isInstanceOf(TenonException.class)
        .hasMessageContaining("ready for images of 12×28");
  }

  /** They differ only where maps are not made of whole windows, or a side has a single one. */
  @Test
  void librariesDifferInHowTheyPad() {
    Tensor whole = images(1, 3, 24, 24);
    Tensor padded = images(1, 3, 28, 28);
    Tensor narrow = images(1, 3, 12, 24);
    double[][] logits = new double[9][];
    for (int i = 0; i < 3; i++) {
      Swin swin = swin(Shifting.values()[i]);
      logits[i] = swin.forward(whole).toDoubles();
      logits[3 + i] = swin.forward(padded).toDoubles();
      logits[6 + i] = swin.forward(narrow).toDoubles();
    }
    assertThat(logits[1]).isEqualTo(logits[0]);
    assertThat(logits[2]).isEqualTo(logits[0]);
    assertThat(logits[4]).isNotEqualTo(logits[3]);
    assertThat(logits[5]).isEqualTo(logits[3]);
    assertThat(logits[7]).isEqualTo(logits[6]);
    assertThat(logits[8]).isNotEqualTo(logits[6]);
  }

  @Test
  void aNewHeadTakesThePlaceOfTheOld() {
    Swin swin = swin(Shifting.PADDED);
    assertThat(swin.featureDim()).isEqualTo(8);
    Swin other = swin.withHead(random("w", Shape.of(3, 8)), random("b", Shape.of(3)));
    assertThat(other.forward(images(2, 3, 12, 12)).shape()).isEqualTo(Shape.of(2, 3));
    assertThatThrownBy(() -> swin.withHead(random("w", Shape.of(3, 7)), random("b", Shape.of(3))).forward(images(1, 3, 12, 12)))
        .isInstanceOf(TenonException.class).hasMessageContaining("w must be [out, 8]");
  }

  @Test
  void whatDoesNotFitIsToldInASentence() {
    Swin swin = swin(Shifting.MOVED_FIRST);
    assertThatThrownBy(() -> swin.forward(images(1, 3, 13, 12))).isInstanceOf(TenonException.class)
        .hasMessageContaining("multiples of 2 and 2").hasMessageContaining("[1, 3, 13, 12]");
    assertThatThrownBy(() -> swin.forward(images(1, 3, 8, 12))).isInstanceOf(TenonException.class)
        .hasMessageContaining("2×3 is smaller than the windows of 3×3");
    Map<String, Tensor> weights = new HashMap<>(swin.weights().asMap());
    weights.remove("layers.1.blocks.1.mlp.fc2.weight");
    assertThatThrownBy(() -> swin.with(new Weights(weights))).isInstanceOf(TenonException.class)
        .hasMessageContaining("lack layers.1.blocks.1.mlp.fc2.weight");
  }

  /** Against slopes, along a random direction of all weights and pixels at once: moved, padded, merged from an odd map. */
  @ParameterizedTest
  @CsvSource({"1, PADDED", "1, MOVED_FIRST", "2, BOTH_SIDES"})
  void theGradientIsTheSlope(int version, Shifting shifting) {
    SwinSizes sizes = new SwinSizes(SIZES.patch(), SIZES.dim(), SIZES.stages(), SIZES.ratio(), SIZES.classes(), version);
    Swin swin = new Swin(swin(sizes).weights(), new SwinConfig(1e-5, 3, shifting));
    Tensor images = images(1, 3, 14, 20);
    Tensor factors = random("factors", Shape.of(1, 5));
    double along = 0;
    try (Tape tape = Tape.record()) {
      Swin learning = swin.with(swin.weights().map(Tensor::withGrad));
      Tensor pixels = images.withGrad();
      Gradients gradients = tape.backward(learning.forward(pixels).mul(factors).sum());
      for (var entry : learning.weights().asMap().entrySet()) {
        along += dot(gradients.of(entry.getValue()), random("to " + entry.getKey(), entry.getValue().shape()));
      }
      along += dot(gradients.of(pixels), random("to images", images.shape()));
    }
    double step = 1e-6;
    double slope = (moved(swin, images, factors, step) - moved(swin, images, factors, -step)) / (2 * step);
    assertThat(along).isCloseTo(slope, within(1e-6 * Math.abs(slope) + 1e-7));
  }

  private static double dot(Tensor a, Tensor b) {
    return a.mul(b).sum().item();
  }

  private static double moved(Swin swin, Tensor images, Tensor factors, double step) {
    Map<String, Tensor> weights = new LinkedHashMap<>();
    swin.weights().asMap().forEach((name, t) -> weights.put(name, t.add(random("to " + name, t.shape()).mul(step))));
    return dot(swin.with(new Weights(weights)).forward(images.add(random("to images", images.shape()).mul(step))), factors);
  }
}
