package dev.tenon.training.bench;

import dev.tenon.engine.DType;
import dev.tenon.engine.Scope;
import dev.tenon.engine.op.Cost;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.adapter.Lora;
import dev.tenon.model.adapter.MoefiedLora;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitPreset;
import dev.tenon.training.data.Batch;
import dev.tenon.training.method.Adaptation;
import dev.tenon.training.method.Objective;
import dev.tenon.training.method.QualityRetaining;
import dev.tenon.training.method.RouterFade;
import dev.tenon.training.method.Training;
import dev.tenon.training.method.WorkingCopy;
import dev.tenon.training.optim.GradientClip;
import dev.tenon.training.optim.Optimizer;
import dev.tenon.training.optim.Rule;
import dev.tenon.training.recipe.RetainingSpec;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/**
 * One training step of EMTAL with {@code batch} images of 224×224: 4 tasks of equally many classes, rank 4 on all four layers of a
 * block, 16 experts, the router fading, Quality Retaining of two samples, AdamW.
 */
public record EmtalWork(VitPreset preset, int batch, int classes) implements NetworkWork {
  /** Of equally many classes. */
  public static final int TASKS = 4;
  /** Experts of a block. */
  public static final int EXPERTS = 16;
  /** Learning rate, and the share of decay. */
  public static final double LR = 1e-3;
  /** Of matrices. */
  public static final double WEIGHT_DECAY = 0.05;
  /** Smoothing of labels. */
  public static final double SMOOTHING = 0.1;
  /** How far the router has faded. */
  public static final double ALPHA = 0.25;

  private static final int SIDE = 224;
  private static final RetainingSpec RETAINING = new RetainingSpec(RetainingSpec.Mode.TWO_SAMPLE, 2, 0.5, 0.95, 10, 1e-3);

  @Override
  public String name() {
    return "emtal-step-vit-" + preset.name().toLowerCase(Locale.ROOT) + "-batch" + batch;
  }

  /** The network to train, in the current scope. */
  public Vit vit() {
    Vit plain = VitWork.vit(preset.sizes(16, SIDE, classes), preset, DType.F32);
    return new MoefiedLora(EXPERTS, new Lora(4, EnumSet.allOf(Lora.Target.class), 0.02, 5), 0, 1).adapt(plain);
  }

  /** {@code vit} ready for its first step in {@code type}; the norm of all gradients is told where asked for, none is clipped. */
  public Training<Vit> training(Vit vit, DType type, boolean norm) {
    return new Training<>(
        new WorkingCopy<>(vit, type),
        new Objective(SMOOTHING, Optional.of(new QualityRetaining(RETAINING, classes, TASKS))),
        new Optimizer(new Rule.AdamW(WEIGHT_DECAY), Adaptation.learning(vit)),
        norm ? Optional.of(new GradientClip(Double.MAX_VALUE)) : Optional.empty(),
        Optional.empty(),
        new RouterFade(-ALPHA, 1 - ALPHA, 1_000_000_000));
  }

  /** Random images of random classes. */
  public Batch images() {
    return images(batch, SIDE, classes);
  }

  /** Random images of {@code side}×{@code side} pixels. */
  static Batch images(int batch, int side, int classes) {
    Philox random = Philox.of(7);
    float[] pixels = new float[batch * 3 * side * side];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (float) (2 * random.uniformDouble(i) - 1);
    }
    int[] labels = new int[batch];
    int[] tasks = new int[batch];
    long[] samples = new long[batch];
    for (int i = 0; i < batch; i++) {
      labels[i] = random.split("labels").nextInt(i, classes);
      tasks[i] = labels[i] * TASKS / classes;
      samples[i] = i;
    }
    return new Batch(0, 0, pixels, labels, tasks, samples);
  }

  /** A small network's loss and the norm of all gradients are compared: of one block, one image, and the width of the smallest ViT. */
  @Override
  public Prepared prepare(Arithmetic arithmetic) {
    EmtalWork small = new EmtalWork(VitPreset.TINY, 1, classes);
    check(type -> small.training(VitWork.firstBlock(small.vit()), type, true), small.images(), arithmetic,
        a -> VitWork.bound(VitWork.firstBlock(small.vit()), a));
    Training<Vit> training = training(vit(), arithmetic.dtype(), false);
    return Prepared.steps(cost(DType.F32), training, images());
  }

  /** Forward, and backward to every layer's input: the embedding and the frozen weights get no gradient. */
  @Override
  public Cost cost(DType dtype) {
    Cost forward = new VitWork(preset, batch).cost(dtype);
    return new Cost(2 * forward.flops(), 2 * forward.bytes());
  }

  /** Holds loss and gradients of a first step to the reference. */
  static void check(
      Function<DType, Training<?>> small, Batch images, Arithmetic arithmetic, ToDoubleFunction<Arithmetic> bound) {
    Function<DType, double[]> first = type -> {
      Training.Step step = small.apply(type).step(images, 0, LR);
      return new double[] {step.loss(), step.gradientNorm()};
    };
    double[] expected = Check.onReference(_ -> first.apply(DType.F32));
    try (Scope _ = Scope.open()) {
      Check.near("loss and norm of the gradients", first.apply(arithmetic.dtype()), expected,
          2 * bound.applyAsDouble(arithmetic));
    }
  }
}
