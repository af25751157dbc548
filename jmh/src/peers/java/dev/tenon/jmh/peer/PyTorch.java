package dev.tenon.jmh.peer;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.jmh.Engine;
import dev.tenon.jmh.GramAffinity;
import dev.tenon.jmh.Job;
import dev.tenon.jmh.Network;
import dev.tenon.jmh.OpCall;
import dev.tenon.jmh.Workload;
import dev.tenon.model.vit.Vit;
import dev.tenon.training.bench.Arithmetic;
import dev.tenon.training.bench.Check;
import dev.tenon.training.bench.EmtalWork;
import dev.tenon.training.bench.VitWork;
import dev.tenon.training.data.Batch;
import dev.tenon.training.method.Training;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

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
      case Network _, GramAffinity _ -> true;
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
        case Network network -> switch (network.work()) {
          case VitWork vit -> inference(vit, manager);
          case EmtalWork step -> step(step, manager);
        };
        case GramAffinity affinity -> affinity(affinity, manager);
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
      call.checkPeer(operands, ours);
    }
    return job(manager, script, arguments);
  }

  private static Job inference(VitWork work, NDManager manager) {
    Vit vit = work.vit(DType.F32);
    Tensor images = work.images(DType.F32);
    TorchVit torch = new TorchVit(vit);
    TorchScript script = new TorchScript(manager, torch.parameters(), "Tensor", torch.logits() + "return z\n");
    NDList arguments = new NDList(array(manager, images));
    vit.weights().asMap().values().forEach(t -> arguments.add(array(manager, t)));
    try (NDList results = script.run(arguments, false)) {
      Check.near(work.name() + " in PyTorch", values(results.head()), vit.forward(images).toDoubles(), VitWork.bound(vit, Arithmetic.FP32));
    }
    return job(manager, script, arguments);
  }

  /** The composition that a user would write: all maps of all pixels in memory, one convolution with a group for each pixel. */
  private static Job affinity(GramAffinity work, NDManager manager) {
    TorchScript script = new TorchScript(manager, List.of("f", "v", "w", "b"), "Tensor", """
        n = torch.reshape(f, [%1$d, %2$d, %3$d])
        n = torch.div(n, torch.clamp_min(torch.linalg_vector_norm(n, 2, [1], True), %4$s))
        gram = torch.bmm(torch.transpose(n, 1, 2), n)
        maps = torch.reshape(torch.transpose(gram, 0, 1), [1, %5$d, %6$d, %7$d])
        mixed = torch.reshape(torch.conv2d(maps, w, b, [1, 1], [1, 1], [1, 1], %3$d), [%3$d, %3$d])
        return torch.matmul(torch.reshape(v, [%8$d, %3$d]), torch.transpose(mixed, 0, 1))
        """.formatted(work.tasks(), GramAffinity.CHANNELS, work.pixels(), GramAffinity.EPS, work.pixels() * work.tasks(), work.height(),
        work.width(), work.tasks() * GramAffinity.CHANNELS));
    List<Tensor> operands = work.operands();
    NDList arguments = new NDList(operands.stream().map(t -> array(manager, t)).toList());
    try (NDList results = script.run(arguments, false)) {
      double[] expected = GramAffinity.apply(operands).toDoubles();
      Check.near(work.name() + " in PyTorch", values(results.head()), expected, work.bound());
    }
    return job(manager, script, arguments);
  }

  /** The losses of the first three steps are compared, of which each depends on the gradients and the optimizer of those before. */
  private static Job step(EmtalWork work, NDManager manager) {
    TorchEmtal torch = new TorchEmtal(manager, work);
    Vit vit = work.vit();
    Training<Vit> training = work.training(vit, DType.F32, false);
    Batch batch = work.images();
    double[] expected = IntStream.range(0, 3).mapToDouble(i -> training.step(batch, i, EmtalWork.LR).loss()).toArray();
    double[] actual = {torch.step().getFloat(), torch.step().getFloat(), torch.step().getFloat()};
    Check.near(work.name() + " in PyTorch", actual, expected, 2 * VitWork.bound(vit, Arithmetic.FP32));
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

  private static double[] values(NDArray array) {
    float[] floats = array.toFloatArray();
    double[] values = new double[floats.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = floats[i];
    }
    return values;
  }
}
