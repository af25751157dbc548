package dev.tenon.jmh.peer;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.jmh.Check;
import dev.tenon.jmh.EmtalStep;
import dev.tenon.jmh.Engine;
import dev.tenon.jmh.GramAffinity;
import dev.tenon.jmh.Job;
import dev.tenon.jmh.OpCall;
import dev.tenon.jmh.VitInference;
import dev.tenon.jmh.Workload;
import dev.tenon.model.vit.Vit;
import java.util.ArrayList;
import java.util.List;

/** PyTorch on the CPU, in this JVM through DJL. */
public final class PyTorch implements Engine {
  @Override
  public String name() {
    return "pytorch";
  }

  @Override
  public boolean knows(Workload workload) {
    return switch (workload) {
      case OpCall call -> TorchCall.of(call.op()).isPresent();
      case VitInference _ -> true;
      case EmtalStep _ -> true;
      case GramAffinity _ -> false;
    };
  }

  @Override
  public Job open(Workload workload, int threads) {
    System.setProperty("ai.djl.pytorch.num_threads", Integer.toString(threads));
    System.setProperty("ai.djl.pytorch.num_interop_threads", "1");
    System.setProperty("OPT_OUT_TRACKING", "true");
    NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
    try (Backend backend = Backends.open(dev.tenon.engine.Device.CPU, threads); Scope _ = Scope.open(backend); Tape _ = Tape.pause()) {
      return switch (workload) {
        case OpCall call -> call(call, manager);
        case VitInference vit -> inference(vit, manager);
        case EmtalStep step -> step(step, manager);
        case GramAffinity affinity -> throw new IllegalArgumentException(affinity.name());
      };
    }
  }

  private static Job call(OpCall call, NDManager manager) {
    TorchCall torch = TorchCall.of(call.op()).orElseThrow();
    TorchScript script = new TorchScript(manager, torch.parameters(), torch.result(), torch.body());
    List<Tensor> operands = call.operands();
    NDList arguments = new NDList();
    operands.forEach(t -> arguments.add(array(manager, t)));
    try (NDList results = script.run(arguments, false)) {
      List<Tensor> ours = new ArrayList<>();
      results.subList(0, torch.results()).forEach(a -> ours.add(Tensor.of(a.toFloatArray(), a.getShape().getShape())));
      Check.peer(call, operands, ours);
    }
    return job(manager, script, arguments);
  }

  private static Job inference(VitInference work, NDManager manager) {
    Vit vit = work.vit();
    Tensor images = work.images();
    TorchVit torch = new TorchVit(vit);
    TorchScript script = new TorchScript(manager, torch.parameters(), "Tensor", torch.logits() + "return z\n");
    NDList arguments = new NDList(array(manager, images));
    vit.weights().asMap().values().forEach(t -> arguments.add(array(manager, t)));
    try (NDList results = script.run(arguments, false)) {
      float[] logits = results.head().toFloatArray();
      double[] actual = new double[logits.length];
      for (int i = 0; i < actual.length; i++) {
        actual[i] = logits[i];
      }
      Check.near(work.name() + " in PyTorch", actual, vit.forward(images).toDoubles(), VitInference.roundings(vit));
    }
    return job(manager, script, arguments);
  }

  /** The losses of the first two steps are compared, of which the second depends on the gradients of the first. */
  private static Job step(EmtalStep work, NDManager manager) {
    TorchEmtal torch = new TorchEmtal(manager, work.vit(), work.images());
    Vit vit = work.vit();
    double[] expected = work.losses(vit, 2);
    double[] actual = {torch.step().getFloat(), torch.step().getFloat()};
    Check.near(work.name() + " in PyTorch", actual, expected, 2 * VitInference.roundings(vit));
    return new Job() {
      @Override
      public void run() {
        torch.step().close();
      }

      @Override
      public void close() {
        torch.close();
        manager.close();
      }
    };
  }

  private static Job job(NDManager manager, TorchScript script, NDList arguments) {
    return new Job() {
      @Override
      public void run() {
        script.run(arguments, false).close();
      }

      @Override
      public void close() {
        script.close();
        manager.close();
      }
    };
  }

  private static NDArray array(NDManager manager, Tensor tensor) {
    return manager.create(tensor.toFloats(), new Shape(tensor.shape().toArray()));
  }
}
