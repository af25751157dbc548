package dev.tenon.training.method;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.tenon.engine.Backend;
import dev.tenon.engine.BackendProvider;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.op.AdaptiveBins;
import dev.tenon.engine.op.Affinity;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.ConvTranspose2d;
import dev.tenon.engine.op.Dropout;
import dev.tenon.engine.op.Interpolation;
import dev.tenon.engine.op.Losses;
import dev.tenon.engine.op.MaxPool2d;
import dev.tenon.engine.op.Normalization;
import dev.tenon.engine.op.PoolWindow;
import dev.tenon.engine.op.Resample2d;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.Network;
import dev.tenon.model.Phase;
import dev.tenon.model.Weights;
import dev.tenon.model.adapter.MoefiedLora;
import dev.tenon.model.affinity.AffinityConfig;
import dev.tenon.model.affinity.AffinityDecoder;
import dev.tenon.model.affinity.DecoderSizes;
import dev.tenon.model.swin.Swin;
import dev.tenon.model.swin.SwinConfig;
import dev.tenon.model.swin.SwinSizes;
import dev.tenon.model.vit.Vit;
import dev.tenon.training.data.Batch;
import dev.tenon.training.model.SmallVit;
import dev.tenon.training.optim.GradientClip;
import dev.tenon.training.optim.Optimizer;
import dev.tenon.training.optim.Rule;
import dev.tenon.training.optim.WeightEma;
import dev.tenon.training.recipe.MethodSpec;
import dev.tenon.training.recipe.RetainingSpec;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every op of a training step in F32 has a kernel on the CPU and on OpenCL: none runs on its definition, a hundred times slower. */
class NoFallbackTest {
  private static final int CLASSES = 5;

  /** Where there is no OpenCL device, that test is skipped. */
  private static Backend open(String device) {
    Device.Kind kind = Device.parse(device).kind();
    String found = Backends.providers().stream().filter(provider -> provider.kind() == kind)
        .map(BackendProvider::discover).findFirst().orElseThrow();
    assumeFalse(found.startsWith("none"), () -> "no device to train on: " + found);
    return Backends.open(Device.parse(device), 2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "opencl"})
  void loraOfEveryLayer(String device) {
    try (Backend backend = open(device); Scope _ = Scope.open(backend)) {
      MethodSpec lora = new MethodSpec.Lora(4, List.of(MethodSpec.Target.values()), 0.02);
      assertNoFallback(backend, Adaptation.of(lora, SmallVit.of(1, CLASSES), CLASSES, 2), Optional.empty());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "opencl"})
  void fullFineTuning(String device) {
    try (Backend backend = open(device); Scope _ = Scope.open(backend)) {
      Vit vit = Adaptation.of(new MethodSpec.Full(false), SmallVit.of(1, CLASSES), CLASSES, 2);
      assertNoFallback(backend, vit, Optional.empty());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "opencl"})
  void emtalWhileTheRouterFades(String device) {
    try (Backend backend = open(device); Scope _ = Scope.open(backend)) {
      Vit vit = MoefiedLora.of(4, 2, 1).adapt(SmallVit.of(1, CLASSES));
      RetainingSpec spec = new RetainingSpec(RetainingSpec.Mode.TWO_SAMPLE, 2, 0.5, 0.95, 10, 1e-3);
      assertNoFallback(backend, vit, Optional.of(new QualityRetaining(spec, CLASSES, 2)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "opencl"})
  void swinWithWholeWindows(String device) {
    try (Backend backend = open(device); Scope _ = Scope.open(backend)) {
      assertNoFallback(backend, swin(2), Optional.empty());
    }
  }

  /** Maps of 4×4 and 2×2 in windows of 3×3 are padded, moved and merged. */
  @ParameterizedTest
  @ValueSource(strings = {"cpu", "opencl"})
  void swinWithPaddedWindows(String device) {
    try (Backend backend = open(device); Scope _ = Scope.open(backend)) {
      assertNoFallback(backend, swin(3), Optional.empty());
    }
  }

  /** For images of 8×8. */
  private static Swin swin(int window) {
    SwinSizes sizes = new SwinSizes(
        Shape.of(3, 2, 2), 8, List.of(new SwinSizes.Stage(2, 2, window), new SwinSizes.Stage(2, 2, window)), 4, CLASSES);
    return new Swin(sizes.random(DType.F32, 1).map(Tensor::withGrad), SwinConfig.DEFAULT);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "opencl"})
  void aConvolutionalDecoderWithAffinity(String device) {
    try (Backend backend = open(device); Scope _ = Scope.open(backend)) {
      Tensor image = real(0, 2, 3, 16, 16).withGrad();
      Tensor running = Tensor.zeros(DType.F32, Shape.of(6));
      Tensor target = Tensor.of(LongStream.range(0, 2 * 16 * 16).map(i -> i % 5 == 4 ? -1 : i % 4).toArray(), 2, 16, 16);
      try (Tape tape = Tape.record()) {
        Tensor patches = conv(2, 1, 1).apply(image, real(1, 6, 3, 3, 3));
        Tensor normal = Normalization.batchNorm(patches, real(2, 6), real(3, 6), running, running.add(1), 0.1, 1e-5);
        Tensor local = conv(1, 2, 6).apply(normal.map(Unary.Fn.RELU), real(4, 6, 1, 5, 5));
        Tensor grouped = conv(1, 1, 2).apply(local, real(5, 8, 3, 3, 3));
        Tensor features = conv(1, 0, 1).apply(new Dropout(0.1, 1, 0).apply(grouped), real(6, 4, 8, 1, 1));
        Tensor pooled = new MaxPool2d(PoolWindow.of(2, 2), PoolWindow.of(2, 2)).apply(features);
        Tensor stacked = pooled.reshape(2, 2, 2, 4, 4);
        Tensor diffused = new Affinity().apply(
            Normalization.unit(stacked, 2, 1e-12), stacked, real(7, 16, 2, 3, 3), real(8, 16)).reshape(2, 4, 4, 4);
        Tensor mean = new Resample2d(new AdaptiveBins(1), new AdaptiveBins(1)).apply(diffused);
        Tensor up = new ConvTranspose2d(conv(2, 0, 1), 0, 0).apply(diffused.mul(mean), real(9, 4, 4, 2, 2), real(10, 4));
        Interpolation twice = Interpolation.by(Interpolation.Method.LINEAR, 2);
        Tensor logits = new Resample2d(twice, twice).apply(up);
        tape.backward(Losses.crossEntropyMean(logits, target, real(11, 4), 0.1, -1));
      }
      assertThat(backend.kernels().fallbacks()).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "opencl"})
  void theDecoderOfCtal(String device) {
    try (Backend backend = open(device); Scope _ = Scope.open(backend)) {
      DecoderSizes sizes = new DecoderSizes(AffinityConfig.of("semseg", "depth"), List.of(5, 1), 10, 16, 8, 20);
      Weights weights = DecoderSizes.random(sizes.decoder(), DType.F32, 2);
      AffinityDecoder decoder = new AffinityDecoder(weights, sizes.config());
      for (Phase phase : Phase.values()) {
        try (Tape tape = Tape.record()) {
          Tensor loss = decoder.apply(real(0, 2, 10, 4, 5), 16, 20, phase).stream()
              .map(p -> p.initial().map(Unary.Fn.SQUARE).mean().add(p.refined().map(Unary.Fn.SQUARE).mean()))
              .reduce(Tensor::add).orElseThrow();
          tape.backward(loss);
        }
      }
      assertThat(backend.kernels().fallbacks()).isZero();
    }
  }

  private static Conv2d conv(int stride, int pad, int groups) {
    return new Conv2d(stride, stride, pad, pad, 1, 1, groups, false);
  }

  private static Tensor real(int index, long... shape) {
    Philox random = Philox.of(4).split(index);
    float[] values = new float[(int) Shape.of(shape).size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.normal(i);
    }
    return Tensor.of(values, shape).withGrad();
  }

  private static void assertNoFallback(Backend backend, Network network, Optional<QualityRetaining> retaining) {
    Map<String, Tensor> learning = Adaptation.learning(network);
    Training<Network> training = new Training<>(
        network, new Objective(0.1, retaining), new Optimizer(new Rule.AdamW(0.05), learning), Optional.of(new GradientClip(1e-3)),
        Optional.of(new WeightEma(0.99, learning)), new RouterFade(0, 1, 4));
    backend.kernels().resetFallbacks();
    for (int step = 0; step < 3; step++) {
      training.step(batch(step), step, 1e-3);
    }
    assertThat(backend.kernels().fallbacks()).isZero();
  }

  private static Batch batch(int index) {
    Philox random = Philox.of(9).split(index);
    float[] pixels = new float[3 * 3 * 8 * 8];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (float) random.normal(i);
    }
    return new Batch(0, index, pixels, new int[] {0, 3, 4}, new int[] {0, 1, 1}, new long[] {0, 1, 2});
  }
}
