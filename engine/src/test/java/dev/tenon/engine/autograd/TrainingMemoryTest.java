package dev.tenon.engine.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.AdamW;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.CrossEntropy;
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.random.Philox;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** A transformer block trained for 2,000 steps needs no more native memory than for a few, and learns what it is shown. */
class TrainingMemoryTest {
  private static final int STEPS = 2000;
  private static final int WARM_UP = 3;
  private static final int BATCH = 2;
  private static final int TOKENS = 3;
  private static final int HEADS = 2;
  private static final int DIM = 4;
  private static final int CLASSES = 3;

  private final Map<String, Tensor> parameters = new LinkedHashMap<>();
  private final Map<String, List<Tensor>> moments = new LinkedHashMap<>();
  private final Philox random = Philox.of(11);

  private void parameter(String name, long... dims) {
    Shape shape = Shape.of(dims);
    Philox values = random.split(name);
    double[] drawn = LongStream.range(0, shape.size()).mapToDouble(i -> 0.3 * values.normal(i)).toArray();
    parameters.put(name, Tensor.of(DType.F32, shape, drawn).withGrad());
    moments.put(name, List.of(Tensor.zeros(DType.F32, shape), Tensor.zeros(DType.F32, shape)));
  }

  private Tensor layer(String name, Tensor x) {
    return new Linear(true).apply(x, parameters.get(name + ".weight"), parameters.get(name + ".bias"));
  }

  private Tensor norm(String name, Tensor x) {
    return new LayerNorm(1, true, 1e-6).apply(x, parameters.get(name + ".weight"), parameters.get(name + ".bias"));
  }

  private Tensor heads(Tensor x) {
    return x.reshape(BATCH, TOKENS, HEADS, DIM / HEADS);
  }

  private Tensor loss(Tensor images, Tensor labels) {
    Tensor x = images;
    Tensor normed = norm("norm1", x);
    Tensor attended = new Attention(Math.sqrt(1.0 * HEADS / DIM), false, false)
        .apply(heads(layer("q", normed)), heads(layer("k", normed)), heads(layer("v", normed)));
    x = x.add(layer("proj", attended.reshape(BATCH, TOKENS, DIM)));
    x = x.add(layer("fc2", layer("fc1", norm("norm2", x)).map(Unary.Fn.GELU)));
    return new CrossEntropy(0.1, -100, false).apply(layer("head", x.mean(1)), labels).mean();
  }

  private double step(Tensor images, Tensor labels, long step) {
    try (Scope _ = Scope.open(); Tape tape = Tape.record()) {
      Tensor loss = loss(images, labels);
      Gradients gradients = tape.backward(loss);
      AdamW rule = new AdamW(1, 0.9, 0.999, 1e-8, 0.05, true, false);
      Tensor rates = Tensor.of(loss.dtype(), Shape.of(4), AdamW.rates(1e-3, 0.9, 0.999, step));
      parameters.forEach((name, p) -> rule.applyAll(
          List.of(rates, p, gradients.of(p), moments.get(name).get(0), moments.get(name).get(1))));
      return loss.item();
    }
  }

  @Test
  void memoryStaysFlat() {
    try (HostBackend backend = HostBackend.reference(); Scope run = Scope.open(backend)) {
      for (String name : List.of("q", "k", "v", "proj")) {
        parameter(name + ".weight", DIM, DIM);
        parameter(name + ".bias", DIM);
      }
      for (String name : List.of("norm1", "norm2")) {
        parameter(name + ".weight", DIM);
        parameter(name + ".bias", DIM);
      }
      parameter("fc1.weight", 2 * DIM, DIM);
      parameter("fc1.bias", 2 * DIM);
      parameter("fc2.weight", DIM, 2 * DIM);
      parameter("fc2.bias", DIM);
      parameter("head.weight", CLASSES, DIM);
      parameter("head.bias", CLASSES);
      double[] pixels = LongStream.range(0, BATCH * TOKENS * DIM).mapToDouble(random::normal).toArray();
      Tensor images = Tensor.of(DType.F32, Shape.of(BATCH, TOKENS, DIM), pixels);
      Tensor labels = Tensor.of(new long[] {0, 2}, BATCH);
      long owned = run.bytes();
      long reserved = 0;
      double first = 0;
      double last = 0;
      for (int i = 1; i <= STEPS; i++) {
        last = step(images, labels, i);
        if (i == WARM_UP) {
          reserved = backend.reservedBytes();
          first = last;
        }
      }
      assertThat(backend.reservedBytes()).isEqualTo(reserved);
      assertThat(run.bytes()).isEqualTo(owned);
      assertThat(last).isLessThan(first / 2);
    }
  }
}
