package dev.tenon.jmh;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Plan;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.engine.op.Spec;
import dev.tenon.engine.op.Updating;
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
    return open(workload, Backends.open(Device.CPU, threads));
  }

  /** On {@code backend}, which the job closes at its end. */
  static Job open(Workload workload, Backend backend) {
    Scope scope = Scope.open(backend);
    try {
      return job(ready(workload, backend), scope, backend);
    } catch (RuntimeException e) {
      scope.close();
      backend.close();
      throw e;
    }
  }

  private static Runnable ready(Workload workload, Backend backend) {
    Runnable run = switch (workload) {
      case OpCall call -> call(call);
      case VitInference vit -> inference(vit);
      case EmtalStep step -> step(step);
      case GramAffinity affinity -> affinity(affinity);
    };
    if (backend.kernels().fallbacks() > 0) {
      throw new IllegalStateException("the reference computes a part of " + workload.name() + ", for want of a kernel");
    }
    return run;
  }

  private static Job job(Runnable run, Scope scope, Backend backend) {
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

  /** Ops that change their operands get some of their own to be checked with. */
  private static Runnable call(OpCall call) {
    List<Tensor> operands = call.operands();
    try (Scope _ = Scope.open()) {
      Check.call(call, operands, call.op().applyAll(call.op() instanceof Updating ? call.operands() : operands));
    }
    return () -> call.op().applyAll(operands);
  }

  /** As a plan with packed weights. One block of it is compared with the reference, all blocks with the ops called one by one. */
  private static Runnable inference(VitInference work) {
    Vit vit = work.vit();
    Tensor images = work.images();
    Vit first = VitInference.firstBlock(vit);
    Tensor image = images.slice(0, 0, 1);
    try (Scope _ = Scope.open()) {
      Check.near(work.name(), plan(first, image).run().getFirst().toDoubles(), reference(first, image), VitInference.roundings(first));
    }
    Plan plan = plan(vit, images);
    Check.near(work.name(), plan.run().getFirst().toDoubles(), logits(vit, images), VitInference.roundings(vit));
    return plan::run;
  }

  private static Plan plan(Vit vit, Tensor images) {
    Plan plan = Plan.of(
        in -> List.of(vit.forward(in.getFirst())), List.of(new Spec(images.dtype(), images.shape())), WeightFormat.F32);
    Scope.current().backend().upload(images.bytes(), plan.inputs().getFirst().storage(), 0);
    return plan;
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
    GramAffinity small = new GramAffinity(work.tasks(), 8, 8);
    double[] expected = onReference(_ -> GramAffinity.apply(small.operands()).toDoubles());
    try (Scope _ = Scope.open()) {
      Check.near(work.name(), GramAffinity.apply(small.operands()).toDoubles(), expected, small.roundings());
    }
    List<Tensor> operands = work.operands();
    return () -> GramAffinity.apply(operands);
  }
}
