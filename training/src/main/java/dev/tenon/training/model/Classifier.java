package dev.tenon.training.model;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Plan;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.engine.op.Spec;
import dev.tenon.training.data.ImageCache;
import dev.tenon.training.data.SampleImage;
import dev.tenon.training.image.Image;
import dev.tenon.training.image.Preprocessing;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;

/**
 * A trained network, ready to answer what images show.
 *
 * <pre>{@code
 * try (Classifier classifier = Classifier.load(Path.of("runs/pets/model.safetensors"))) {
 *   Prediction prediction = classifier.predict(Path.of("rex.jpg"));
 *   System.out.println(prediction.likeliest().best().label());
 * }
 * }</pre>
 *
 * Safe for use by several threads: images are decoded on the caller's thread, and the network, a {@link Plan} made once, runs one
 * image at a time on a thread of its own, with all cores.
 */
public final class Classifier implements AutoCloseable {
  private final ExecutorService worker =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("tenon-classifier").factory());
  private final Backend backend;
  private Scope scope;
  private TrainedModel model;
  private Preprocessing preprocessing;
  private ImageCache images;
  private Plan plan;

  private Classifier(Device device, int threads) {
    backend = Backends.open(device, threads);
  }

  /**
   * The model in {@code file}, on the CPU.
   *
   * @throws TenonException when the file is damaged, no model, or an adapter
   */
  public static Classifier load(Path file) {
    return load(file, WeightFormat.F32);
  }

  /** The model in {@code file}, on the CPU, the weights of its linear layers kept as {@code format}. */
  public static Classifier load(Path file, WeightFormat format) {
    return load(Device.CPU, 0, format, () -> TrainedModel.load(file));
  }

  /**
   * Any model on any device.
   *
   * @param threads CPU threads to compute with; 0 for one a core
   * @param format how the weights of linear layers are kept
   * @param source reads the model into the current scope
   */
  public static Classifier load(Device device, int threads, WeightFormat format, Supplier<TrainedModel> source) {
    Classifier classifier = new Classifier(device, threads);
    try {
      classifier.onWorker(() -> classifier.open(source, format));
      return classifier;
    } catch (RuntimeException | Error e) {
      classifier.close();
      throw e;
    }
  }

  private Void open(Supplier<TrainedModel> source, WeightFormat format) {
    scope = Scope.open(backend);
    model = source.get();
    preprocessing = model.card().input().preprocessing();
    images = model.card().input().images();
    long side = preprocessing.size();
    plan = Plan.of(
        in -> List.of(model.vit().forward(in.getFirst(), model.card().alpha())),
        List.of(new Spec(DType.F32, Shape.of(1, 3, side, side))), format);
    return null;
  }

  /** What the model is. */
  public ModelCard card() {
    return model.card();
  }

  /**
   * What the image in {@code file} shows.
   *
   * @throws TenonException when it cannot be read, or this classifier is closed
   */
  public Prediction predict(Path file) {
    return predict(images.get(new SampleImage.OfFile(file)));
  }

  /** What {@code image} shows. */
  public Prediction predict(Image image) {
    float[] input = preprocessing.apply(image);
    return Prediction.of(model.card().tasks(), onWorker(() -> logits(input)));
  }

  private float[] logits(float[] input) {
    if (scope == null) {
      throw closed();
    }
    backend.upload(MemorySegment.ofArray(input), plan.inputs().getFirst().storage(), 0);
    return plan.run().getFirst().toFloats();
  }

  private <T> T onWorker(Supplier<T> work) {
    try {
      return worker.submit(work::get).get();
    } catch (RejectedExecutionException _) {
      throw closed();
    } catch (ExecutionException e) {
      throw switch (e.getCause()) {
        case TenonException known -> new TenonException(known.getMessage(), known);
        case Error error -> throw error;
        default -> new IllegalStateException("the network could not be run", e.getCause());
      };
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new TenonException("interrupted while the network was running; try again", e);
    }
  }

  private static TenonException closed() {
    return new TenonException("the classifier is closed; load the model again");
  }

  /** Frees the weights, once what is under way has ended. */
  @Override
  public synchronized void close() {
    if (worker.isShutdown()) {
      return;
    }
    onWorker(this::free);
    worker.shutdown();
    backend.close();
  }

  private Void free() {
    if (scope != null) {
      scope.close();
      scope = null;
    }
    return null;
  }
}
