package dev.tenon.jmh.peer;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.jmh.Engine;
import dev.tenon.jmh.Job;
import dev.tenon.jmh.Network;
import dev.tenon.jmh.Workload;
import dev.tenon.model.vit.Vit;
import dev.tenon.training.bench.Arithmetic;
import dev.tenon.training.bench.Check;
import dev.tenon.training.bench.VitWork;
import dev.tenon.training.onnx.OnnxExport;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** ONNX Runtime, for inference with the file that Tenon exports. */
public final class OnnxRuntime implements Engine {
  @Override
  public String name() {
    return "onnxruntime";
  }

  @Override
  public boolean knows(Workload workload) {
    return workload instanceof Network(VitWork _);
  }

  @Override
  public Job open(Workload workload, int threads) {
    VitWork work = (VitWork) ((Network) workload).work();
    try (Backend backend = Backends.open(Device.CPU, threads); Scope _ = Scope.open(backend); Tape _ = Tape.pause()) {
      Vit vit = work.vit(DType.F32);
      Tensor images = work.images(DType.F32);
      Model model = model(vit, (int) images.dim(2), (int) images.dim(3), threads);
      OnnxTensor input = model.tensor(images);
      float[] logits = model.run(input);
      double[] actual = new double[logits.length];
      for (int i = 0; i < actual.length; i++) {
        actual[i] = logits[i];
      }
      Check.near(work.name() + " in ONNX Runtime", actual, vit.forward(images).toDoubles(), VitWork.bound(vit, Arithmetic.FP32));
      return new Job() {
        @Override
        public void run() {
          model.run(input);
        }

        @Override
        public void close() {
          input.close();
          model.close();
        }
      };
    }
  }

  private static Model model(Vit vit, int height, int width, int threads) {
    try {
      Path file = Files.createTempFile("vit", ".onnx");
      try {
        OnnxExport.write(file, vit, height, width, Map.of());
        return new Model(file, threads);
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A network in ONNX Runtime. */
  static final class Model implements AutoCloseable {
    private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
    private final OrtSession session;

    Model(Path file, int threads) {
      try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
        options.setIntraOpNumThreads(threads);
        options.setInterOpNumThreads(1);
        options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.ALL_OPT);
        session = environment.createSession(file.toString(), options);
      } catch (OrtException e) {
        throw new IllegalStateException("ONNX Runtime does not take " + file, e);
      }
    }

    /** A copy of {@code tensor}. */
    OnnxTensor tensor(Tensor tensor) {
      FloatBuffer values = ByteBuffer.allocateDirect(4 * (int) tensor.size()).order(ByteOrder.nativeOrder()).asFloatBuffer();
      values.put(tensor.toFloats()).flip();
      try {
        return OnnxTensor.createTensor(environment, values, tensor.shape().toArray());
      } catch (OrtException e) {
        throw new IllegalStateException("ONNX Runtime does not take a tensor", e);
      }
    }

    /** The logits, row-major. */
    float[] run(OnnxTensor images) {
      try (OrtSession.Result result = session.run(Map.of("images", images))) {
        FloatBuffer logits = ((OnnxTensor) result.get(0)).getFloatBuffer();
        float[] values = new float[logits.remaining()];
        logits.get(values);
        return values;
      } catch (OrtException e) {
        throw new IllegalStateException("ONNX Runtime failed", e);
      }
    }

    @Override
    public void close() {
      try {
        session.close();
      } catch (OrtException e) {
        throw new IllegalStateException("ONNX Runtime cannot close a network", e);
      }
    }
  }
}
