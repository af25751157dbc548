package dev.tenon.training.bench;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Cost;
import dev.tenon.model.Weights;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitPreset;
import dev.tenon.training.data.Batch;
import dev.tenon.training.method.Objective;
import dev.tenon.training.method.RouterFade;
import dev.tenon.training.method.Training;
import dev.tenon.training.method.WorkingCopy;
import dev.tenon.training.optim.GradientClip;
import dev.tenon.training.optim.Optimizer;
import dev.tenon.training.optim.Rule;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** One training step of a plain ViT with {@code batch} images of 224×224, every weight of which learns, by AdamW. */
record FullStepWork(VitPreset preset, int batch) implements Workload {
  private static final int CLASSES = 1000;

  @Override
  public String name() {
    return "step-vit-" + preset.name().toLowerCase(Locale.ROOT) + "-batch" + batch;
  }

  private Vit vit() {
    Vit plain = new VitWork(preset, batch).vit(DType.F32);
    Map<String, Tensor> learning = new LinkedHashMap<>();
    plain.weights().asMap().forEach((name, t) -> learning.put(name, new Tensor(t.storage(), t.layout(), t.dtype(), true)));
    return new Vit(new Weights(learning), plain.config());
  }

  private static Training training(Vit vit, DType type, boolean norm) {
    return new Training(new WorkingCopy(vit, type), new Objective(0, Optional.empty()),
        new Optimizer(new Rule.AdamW(EmtalWork.WEIGHT_DECAY), vit.weights().asMap()),
        norm ? Optional.of(new GradientClip(Double.MAX_VALUE)) : Optional.empty(), Optional.empty(), new RouterFade(-1, 0, 1));
  }

  /** As for EMTAL, a small network is compared. */
  @Override
  public Prepared prepare(Arithmetic arithmetic) {
    FullStepWork small = new FullStepWork(VitPreset.TINY, 1);
    EmtalWork.check(type -> training(VitWork.firstBlock(small.vit()), type, true), images(1), arithmetic);
    Training training = training(vit(), arithmetic.dtype(), false);
    Cost forward = new VitWork(preset, batch).cost(DType.F32);
    return Prepared.steps(new Cost(3 * forward.flops(), 3 * forward.bytes()), training, images(batch));
  }

  private static Batch images(int batch) {
    return new EmtalWork(VitPreset.TINY, batch, CLASSES).images();
  }
}
