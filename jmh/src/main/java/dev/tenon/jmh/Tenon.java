package dev.tenon.jmh;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.Device;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.op.Updating;
import dev.tenon.training.bench.Arithmetic;
import dev.tenon.training.bench.Check;
import java.util.List;

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
      case Network network -> network.work().prepare(Arithmetic.FP32).run();
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
      call.check(operands, call.op().applyAll(call.op() instanceof Updating ? call.operands() : operands));
    }
    return () -> call.op().applyAll(operands);
  }

  private static Runnable affinity(GramAffinity work) {
    GramAffinity small = new GramAffinity(work.tasks(), 8, 8);
    double[] expected = Check.onReference(_ -> GramAffinity.apply(small.operands()).toDoubles());
    try (Scope _ = Scope.open()) {
      Check.near(work.name(), GramAffinity.apply(small.operands()).toDoubles(), expected, small.bound());
    }
    List<Tensor> operands = work.operands();
    return () -> GramAffinity.apply(operands);
  }
}
