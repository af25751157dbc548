package dev.tenon.training.method;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.Backend;
import dev.tenon.engine.BackendProvider;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Precision;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitConfig;
import dev.tenon.model.vit.VitSizes;
import dev.tenon.training.data.Batch;
import dev.tenon.training.optim.Optimizer;
import dev.tenon.training.optim.Rule;
import dev.tenon.training.recipe.MethodSpec;
import dev.tenon.training.recipe.RetainingSpec;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** EMTAL learns on an NVIDIA GPU what it learns on the CPU, and no op of a step falls back to its reference there. */
@Tag("gpu")
class GpuTrainingTest {
  private static final int CLASSES = 24;
  private static final int TASKS = 2;
  private static final int STEPS = 10;
  private static final Sizes SMALL = new Sizes(64, 8, 64, 4, 8);
  /** The unit roundoff of the factors of a product. */
  private static final double FP32 = 0x1p-24;
  private static final double TF32 = 0x1p-11;

  /** Side of an image and of a patch, width, blocks, images a batch. */
  record Sizes(int side, int patch, int dim, int depth, int batch) {
    /** Elements of the sums that a logit goes through one after the other. */
    double sums() {
      double tokens = (double) side * side / patch / patch + 1;
      return 3.0 * patch * patch + depth * (3.0 * dim + 4.0 * dim + tokens + dim) + dim;
    }

    /** How far the loss of {@code step} may be off, as a share of it, where each of a block's dozen stages rounds its result to BF16. */
    double bf16(int step) {
      return (step + 1) * DType.BF16.roundoff() * Math.sqrt(12.0 * depth);
    }
  }

  /** The loss of each step, and how many ops only the reference could run. */
  record Course(double[] losses, long fallbacks) {}

  @Test
  void tenStepsInFp32AreThoseOfTheCpu() {
    assertAgree(Precision.FP32, FP32);
  }

  @Test
  void tenStepsInTf32AreThoseOfTheCpu() {
    assertAgree(Precision.TF32, TF32);
  }

  @Test
  void tenStepsInBf16AreThoseOfTheCpuButForRounding() {
    assumeTrue(hasGpu(), "there is no NVIDIA GPU here");
    Course cpu = run(Device.CPU, Precision.FP32, SMALL, STEPS);
    Course gpu = run(Device.parse("cuda"), Precision.BF16, SMALL, STEPS);
    assertThat(gpu.fallbacks()).isZero();
    for (int step = 0; step < STEPS; step++) {
      assertThat(gpu.losses()[step]).as("step %d", step).isCloseTo(cpu.losses()[step], within(SMALL.bf16(step) * cpu.losses()[step]));
    }
  }

  private static void assertAgree(Precision precision, double roundoff) {
    assumeTrue(hasGpu(), "there is no NVIDIA GPU here");
    Course cpu = run(Device.CPU, Precision.FP32, SMALL, STEPS);
    Course gpu = run(Device.parse("cuda"), precision, SMALL, STEPS);
    assertThat(gpu.fallbacks()).isZero();
    for (int step = 0; step < STEPS; step++) {
      // Errors of independent sums add up like a random walk; each step hands its own on to the next.
      double bound = (step + 1) * roundoff * Math.sqrt(SMALL.sums()) * 8 * cpu.losses()[step];
      assertThat(Math.abs(gpu.losses()[step] - cpu.losses()[step])).as("step %d", step).isLessThanOrEqualTo(bound);
    }
  }

  static boolean hasGpu() {
    return Backends.providers().stream().filter(p -> p.kind() == Device.Kind.CUDA).map(BackendProvider::discover)
        .noneMatch(found -> found.startsWith("none"));
  }

  static Course run(Device device, Precision precision, Sizes sizes, int steps) {
    try (Backend backend = Backends.open(device, 0, precision); Scope _ = Scope.open(backend)) {
      return course(backend, sizes, precision == Precision.BF16 ? DType.BF16 : DType.F32, steps);
    }
  }

  /** @param type what the network computes in */
  static Course course(Backend backend, Sizes sizes, DType type, int steps) {
    try (Scope _ = Scope.open()) {
      Training<Vit> training = training(sizes, type);
      Batch batch = batch(sizes);
      double[] losses = new double[steps];
      backend.kernels().resetFallbacks();
      for (int step = 0; step < steps; step++) {
        losses[step] = training.step(batch, step, 1e-3).loss();
      }
      return new Course(losses, backend.kernels().fallbacks());
    }
  }

  static Training<Vit> training(Sizes sizes, DType type) {
    long side = sizes.side() / sizes.patch();
    VitSizes plain = VitSizes.plain(
        Shape.of(3, sizes.patch(), sizes.patch()), side * side, sizes.dim(), sizes.depth(), 4L * sizes.dim(), 0);
    Vit random = new Vit(plain.random(DType.F32, 3, 0.02), VitConfig.timm(Math.max(1, sizes.dim() / 64)));
    var lora = new MethodSpec.Lora(4, List.of(MethodSpec.Target.values()), 0.02);
    var moefied = new MethodSpec.MoefiedLora(lora, 16, 5, 0, 0.5, 1, 3);
    var retaining = new RetainingSpec(RetainingSpec.Mode.TWO_SAMPLE, 2, 0.9, 0.95, 10, 1e-3);
    Vit vit = Adaptation.of(new MethodSpec.Emtal(moefied, retaining), random, CLASSES, 5);
    Map<String, Tensor> learning = Adaptation.learning(vit);
    return new Training<>(new WorkingCopy<>(vit, type), new Objective(0.1, Optional.of(new QualityRetaining(retaining, CLASSES, TASKS))),
        new Optimizer(new Rule.AdamW(0.9, 0.999, 1e-8, 0.05, false), learning), Optional.empty(), Optional.empty(),
        new RouterFade(0, 0.5, 100));
  }

  static Batch batch(Sizes sizes) {
    Philox random = Philox.of(7);
    float[] pixels = new float[sizes.batch() * 3 * sizes.side() * sizes.side()];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (float) (2 * random.uniformDouble(i) - 1);
    }
    int[] labels = new int[sizes.batch()];
    int[] tasks = new int[sizes.batch()];
    for (int i = 0; i < labels.length; i++) {
      labels[i] = (int) (random.split("labels").uniformDouble(i) * CLASSES);
      tasks[i] = labels[i] * TASKS / CLASSES;
    }
    return new Batch(0, 0, pixels, labels, tasks, new long[labels.length]);
  }
}
