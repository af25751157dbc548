package dev.tenon.jmh;

import dev.tenon.engine.DType;
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
import dev.tenon.training.optim.GradientClip;
import dev.tenon.training.optim.Optimizer;
import dev.tenon.training.optim.Rule;
import dev.tenon.training.recipe.RetainingSpec;
import java.util.EnumSet;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * One training step of EMTAL on a ViT-Tiny/16 with {@code batch} images of 224×224: 4 tasks of 20 classes, rank 4 on all four layers
 * of a block, 16 experts, the router fading, Quality Retaining of two samples, AdamW.
 */
public record EmtalStep(int batch) implements Workload {
  /** Of all tasks together. */
  public static final int CLASSES = 80;
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
    return "emtal-step-vit-tiny-batch" + batch;
  }

  /** The network to train, in the current scope. */
  public Vit vit() {
    Vit plain = new Vit(VitPreset.TINY.sizes(16, SIDE, CLASSES).random(DType.F32, 5), VitPreset.TINY.config());
    return new MoefiedLora(EXPERTS, new Lora(4, EnumSet.allOf(Lora.Target.class), 0.02, 5), 0, 1).adapt(plain);
  }

  /** {@code vit} ready for its first step; the norm of all gradients is told, none is clipped. */
  Training training(Vit vit, boolean norm) {
    return new Training(
        vit,
        new Objective(SMOOTHING, Optional.of(new QualityRetaining(RETAINING, CLASSES, TASKS))),
        new Optimizer(new Rule.AdamW(WEIGHT_DECAY), Adaptation.learning(vit)),
        norm ? Optional.of(new GradientClip(Double.MAX_VALUE)) : Optional.empty(),
        Optional.empty(),
        new RouterFade(-ALPHA, 1 - ALPHA, 1_000_000_000));
  }

  /** What {@code steps} steps of {@code vit} lose, one after the other. */
  public double[] losses(Vit vit, int steps) {
    Training training = training(vit, false);
    return IntStream.range(0, steps).mapToDouble(i -> training.step(images(), i, LR).loss()).toArray();
  }

  /** Random images of random classes. */
  public Batch images() {
    Philox random = Philox.of(7);
    float[] pixels = new float[batch * 3 * SIDE * SIDE];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (float) (2 * random.uniformDouble(i) - 1);
    }
    int[] labels = new int[batch];
    int[] tasks = new int[batch];
    long[] samples = new long[batch];
    for (int i = 0; i < batch; i++) {
      labels[i] = random.split("labels").nextInt(i, CLASSES);
      tasks[i] = labels[i] / (CLASSES / TASKS);
      samples[i] = i;
    }
    return new Batch(0, 0, pixels, labels, tasks, samples);
  }

  /** Forward, and backward through every layer but the embedding: the frozen weights get no gradient. */
  @Override
  public Cost cost() {
    Cost forward = new VitInference(VitPreset.TINY, batch).cost();
    return new Cost(2 * forward.flops(), 2 * forward.bytes());
  }
}
