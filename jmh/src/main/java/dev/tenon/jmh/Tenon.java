package dev.tenon.jmh;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.model.vit.Vit;
import dev.tenon.training.data.Batch;
import dev.tenon.training.method.Training;
import java.util.List;
import java.util.function.Function;

/** Tenon on the CPU, as its users call it. */
final class Tenon implements Engine {
  static final String NAME = "tenon";

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public boolean knows(Workload workload) {
    return true;
  }

  @Override
  public Job open(Workload workload, int threads) {
    Backend backend = Backends.open(Device.CPU, threads);
    Scope scope = Scope.open(backend);
    Runnable run = switch (workload) {
      case OpCall call -> call(call);
      case VitInference vit -> inference(vit);
      case EmtalStep step -> step(step);
      case GramAffinity affinity -> affinity(affinity);
    };
    if (backend.kernels().fallbacks() > 0) {
      throw new IllegalStateException("the reference computes a part of " + workload.name() + ", for want of a kernel");
    }
    return new Job() {
      @Override
      public void run() {
        try (Scope _ = Scope.open(); Tape _ = Tape.pause()) {
          run.run();
        }
      }

      @Override
      public void close() {
        scope.close();
        backend.close();
      }
    };
  }

  private static Runnable call(OpCall call) {
    List<Tensor> operands = call.operands();
    try (Scope _ = Scope.open()) {
      Check.call(call, operands, call.op().applyAll(operands));
    }
    return () -> call.op().applyAll(operands);
  }

  private static Runnable inference(VitInference work) {
    Vit vit = work.vit();
    Tensor images = work.images();
    Vit first = VitInference.firstBlock(vit);
    Tensor image = images.slice(0, 0, 1);
    Check.near(work.name(), logits(first, image), reference(first, image), VitInference.roundings(first));
    return () -> vit.forward(images);
  }

  /** What {@code vit} says of {@code images}, in doubles. */
  static double[] logits(Vit vit, Tensor images) {
    try (Scope _ = Scope.open(); Tape _ = Tape.pause()) {
      return vit.forward(images).toDoubles();
    }
  }

  private static double[] reference(Vit vit, Tensor images) {
    return onReference(backend -> logits(
        new Vit(vit.weights().map(t -> t.detach().to(backend).cast(DType.F64)), vit.config()), images.to(backend).cast(DType.F64)));
  }

  private static double[] onReference(Function<Backend, double[]> work) {
    try (HostBackend backend = HostBackend.reference(); Scope _ = Scope.open(backend); Tape _ = Tape.pause()) {
      return work.apply(backend);
    }
  }

  /** One block and one image are compared with the reference: the loss, and the norm of all gradients. */
  private static Runnable step(EmtalStep work) {
    EmtalStep small = new EmtalStep(1);
    double[] expected = onReference(_ -> first(small));
    try (Scope _ = Scope.open()) {
      Check.near(work.name(), first(small), expected, 2 * VitInference.roundings(VitInference.firstBlock(small.vit())));
    }
    Training training = work.training(work.vit(), false);
    Batch batch = work.images();
    long[] step = {0};
    return () -> training.step(batch, step[0]++, EmtalStep.LR);
  }

  private static double[] first(EmtalStep work) {
    Training.Step step = work.training(VitInference.firstBlock(work.vit()), true).step(work.images(), 0, EmtalStep.LR);
    return new double[] {step.loss(), step.gradientNorm()};
  }

  private static Runnable affinity(GramAffinity work) {
    GramAffinity small = new GramAffinity(8, 8);
    double[] expected = onReference(_ -> small.apply(small.features(), small.values(), small.kernels()).toDoubles());
    try (Scope _ = Scope.open()) {
      double[] actual = small.apply(small.features(), small.values(), small.kernels()).toDoubles();
      Check.near(work.name(), actual, expected, small.roundings());
    }
    Tensor features = work.features();
    Tensor values = work.values();
    Tensor kernels = work.kernels();
    return () -> work.apply(features, values, kernels);
  }
}
