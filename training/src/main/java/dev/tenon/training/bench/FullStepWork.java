package dev.tenon.training.bench;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Cost;
import dev.tenon.model.Network;
import dev.tenon.model.Weights;
import dev.tenon.model.swin.SwinPreset;
import dev.tenon.model.vit.VitPreset;
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
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/**
 * One training step of a network with {@code batch} images of 224×224, every weight of which learns, by AdamW.
 *
 * @param preset names the network
 * @param forward what its logits cost
 * @param whole the network, in the current scope
 * @param part a small one of its kind, which is compared
 */
record FullStepWork(String preset, int batch, Cost forward, Supplier<Network> whole, Part part) implements Workload {
  private static final int CLASSES = 1000;
  private static final int SIDE = 224;

  /** A small network, the side of the images it is for, and how far its logits may be off. */
  record Part(Supplier<Network> network, int side, ToDoubleFunction<Arithmetic> bound) {}

  static FullStepWork of(VitPreset preset, int batch) {
    VitWork work = new VitWork(preset, batch);
    VitWork small = new VitWork(VitPreset.TINY, 1);
    return new FullStepWork("vit-" + preset, batch, work.cost(DType.F32), () -> work.vit(DType.F32),
        new Part(() -> VitWork.firstBlock(small.vit(DType.F32)), SIDE,
            arithmetic -> VitWork.bound(VitWork.firstBlock(small.vit(DType.F32)), arithmetic)));
  }

  static FullStepWork of(SwinPreset preset, int batch) {
    SwinWork work = new SwinWork(preset, batch);
    return new FullStepWork("swin-" + preset, batch, work.cost(DType.F32), () -> work.swin(DType.F32),
        new Part(() -> work.firstStages(DType.F32), SwinWork.SMALL_SIDE, arithmetic -> work.bound(2, arithmetic)));
  }

  @Override
  public String name() {
    return ("step-" + preset + "-batch" + batch).toLowerCase(Locale.ROOT);
  }

  private static Training<Network> training(Network network, DType type, boolean norm) {
    Map<String, Tensor> learning = new LinkedHashMap<>();
    network.weights().asMap().forEach((name, t) -> learning.put(name, new Tensor(t.storage(), t.layout(), t.dtype(), true)));
    return new Training<>(new WorkingCopy<>(network.with(new Weights(learning)), type), new Objective(0, Optional.empty()),
        new Optimizer(new Rule.AdamW(EmtalWork.WEIGHT_DECAY), learning),
        norm ? Optional.of(new GradientClip(Double.MAX_VALUE)) : Optional.empty(), Optional.empty(), new RouterFade(-1, 0, 1));
  }

  /** As for EMTAL, a small network is compared. */
  @Override
  public Prepared prepare(Arithmetic arithmetic) {
    EmtalWork.check(type -> training(part.network.get(), type, true), EmtalWork.images(1, part.side, CLASSES), arithmetic, part.bound);
    Training<Network> training = training(whole.get(), arithmetic.dtype(), false);
    Cost cost = new Cost(3 * forward.flops(), 3 * forward.bytes());
    return Prepared.steps(cost, training, EmtalWork.images(batch, SIDE, CLASSES));
  }
}
