package dev.tenon.training.bench;

import dev.tenon.engine.DType;
import dev.tenon.engine.Scope;
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

/**
 * One training step of EMTAL with {@code batch} images of 224×224: 4 tasks of equally many classes, rank 4 on all four layers of a
 * block, 16 experts, the router fading, Quality Retaining of two samples, AdamW.
 */
record EmtalWork(VitPreset preset, int batch, int classes) implements Workload {
  private static final int SIDE = 224;
  private static final int TASKS = 4;
  private static final int EXPERTS = 16;
  private static final double LR = 1e-3;
  private static final RetainingSpec RETAINING = new RetainingSpec(RetainingSpec.Mode.TWO_SAMPLE, 2, 0.5, 0.95, 10, 1e-3);

  @Override
  public String name() {
    return "emtal-step-vit-" + preset.name().toLowerCase(Locale.ROOT) + "-batch" + batch;
  }

  private Vit vit() {
    Vit plain = new Vit(preset.sizes(16, SIDE, classes).random(DType.F32, 5), preset.config());
    return new MoefiedLora(EXPERTS, new Lora(4, EnumSet.allOf(Lora.Target.class), 0.02, 5), 0, 1).adapt(plain);
  }

  private Training training(Vit vit, DType type, boolean norm) {
    return new Training(
        new WorkingCopy(vit, type),
        new Objective(0.1, Optional.of(new QualityRetaining(RETAINING, classes, TASKS))),
        new Optimizer(new Rule.AdamW(0.05), Adaptation.learning(vit)),
        norm ? Optional.of(new GradientClip(Double.MAX_VALUE)) : Optional.empty(),
        Optional.empty(),
        new RouterFade(-0.25, 0.75, 1_000_000_000));
  }

  private Batch images() {
    Philox random = Philox.of(7);
    float[] pixels = new float[batch * 3 * SIDE * SIDE];
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
    double[] expected = Check.onReference(_ -> small.first(DType.F32));
    try (Scope _ = Scope.open()) {
      Check.near("loss and norm of the gradients", small.first(arithmetic.dtype()), expected,
          2 * VitWork.bound(VitWork.firstBlock(small.vit()), arithmetic));
    }
    Training training = training(vit(), arithmetic.dtype(), false);
    Batch images = images();
    long[] step = {0};
    return new Prepared(new VitWork(preset, batch).step(), () -> training.step(images, step[0]++, LR));
  }

  private double[] first(DType type) {
    Training.Step step = training(VitWork.firstBlock(vit()), type, true).step(images(), 0, LR);
    return new double[] {step.loss(), step.gradientNorm()};
  }
}
