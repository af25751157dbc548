package dev.tenon.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.BFloat16;
import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Plan;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.GatedGelu;
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LoraLinear;
import dev.tenon.engine.op.Spec;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.op.Unbind;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A plan computes what its recording did, in one piece of memory. */
class PlanTest {
  private static final int DIM = 40;
  private static final int HEADS = 4;

  private final Random random = new Random(11);

  private Tensor real(long... shape) {
    float[] values = new float[(int) Shape.of(shape).size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat(-1, 1);
    }
    return Tensor.of(values, shape);
  }

  /** A transformer's block, with a class token, a constant made on the way, and a low-rank update. */
  private Function<List<Tensor>, List<Tensor>> block() {
    Tensor token = real(1, 1, DIM);
    Tensor gain = real(DIM);
    Tensor shift = real(DIM);
    Tensor qkv = real(3 * DIM, DIM);
    Tensor loraA = real(DIM, 3);
    Tensor loraB = real(3, 3 * DIM);
    Tensor proj = real(DIM, DIM);
    Tensor fc1 = real(3 * DIM, DIM);
    Tensor bias1 = real(3 * DIM);
    Tensor fc2 = real(DIM, 3 * DIM);
    return inputs -> {
      Tensor patches = inputs.getFirst();
      long batch = patches.dim(0);
      Tensor x = new Concat(1).apply(token.expand(batch, 1, DIM), patches).add(Tensor.full(DType.F32, Shape.of(DIM), 0.5));
      Tensor mixed;
      try (Scope inside = Scope.open()) {
        Tensor normed = new LayerNorm(1, true, 1e-6).apply(x, gain, shift);
        Tensor packed = new LoraLinear(false, 2).apply(normed, qkv, loraA, loraB).reshape(batch, x.dim(1), 3, HEADS, DIM / HEADS);
        List<Tensor> parts = new Unbind(2).applyAll(List.of(packed));
        Tensor attended = new Attention(0.3, false, false).apply(parts.get(0), parts.get(1), parts.get(2));
        mixed = inside.keep(x.add(new Linear(false).apply(attended.reshape(x.shape()), proj)));
      }
      Tensor hidden = new Linear(true).apply(mixed, fc1, bias1).map(Unary.Fn.GELU);
      Tensor y = mixed.add(new Linear(false).apply(hidden, fc2));
      return List.of(y.select(1, 0), y);
    };
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void givesTheSameBitsAsTheRecordedCode(int threads) {
    try (Backend backend = Backends.open(Device.CPU, threads); Scope _ = Scope.open(backend)) {
      Function<List<Tensor>, List<Tensor>> block = block();
      Plan plan = Plan.of(block, List.of(new Spec(DType.F32, Shape.of(3, 17, DIM))), WeightFormat.F32);
      for (int i = 0; i < 3; i++) {
        Tensor patches = real(3, 17, DIM);
        backend.upload(patches.bytes(), plan.inputs().getFirst().storage(), 0);
        List<Tensor> expected = block.apply(List.of(patches));
        List<Tensor> results = plan.run();
        for (int r = 0; r < expected.size(); r++) {
          assertThat(results.get(r).toFloats()).as("result %d of run %d", r, i).containsExactly(expected.get(r).toFloats());
        }
      }
    }
  }

  @Test
  void whatFollowsALayerIsPartOfItAndMemoryIsShared() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      Tensor w = real(DIM, DIM);
      Plan plan = Plan.of(in -> {
        Tensor x = in.getFirst();
        for (int i = 0; i < 5; i++) {
          x = x.add(new Linear(false).apply(x, w).map(Unary.Fn.GELU));
        }
        return List.of(x);
      }, List.of(new Spec(DType.F32, Shape.of(64, DIM))), WeightFormat.F32);
      assertThat(plan.steps()).as("passes over memory").isEqualTo(5);
      assertThat(plan.bytes()).as("two values at a time are needed").isEqualTo(2 * 64 * DIM * Float.BYTES);
    }
  }

  /** Blocks of columns begin and end inside of experts. */
  @ParameterizedTest
  @ValueSource(ints = {1, 9, 60, 360})
  void theGatesOfExpertsArePartOfALayer(int experts) {
    try (Backend backend = Backends.open(Device.CPU, 2); Scope _ = Scope.open(backend)) {
      Tensor router = real(experts, DIM);
      Tensor fc1 = real(360, DIM);
      Tensor bias = real(360);
      Function<List<Tensor>, List<Tensor>> gated = in -> {
        Tensor gate = new Linear(false).apply(in.getFirst(), router);
        return List.of(new GatedGelu(experts).apply(new Linear(true).apply(in.getFirst(), fc1, bias), gate));
      };
      Plan plan = Plan.of(gated, List.of(new Spec(DType.F32, Shape.of(3, 77, DIM))), WeightFormat.F32);
      assertThat(plan.steps()).as("passes over memory").isEqualTo(2);
      Tensor x = real(3, 77, DIM);
      backend.upload(x.bytes(), plan.inputs().getFirst().storage(), 0);
      assertThat(plan.run().getFirst().toFloats()).containsExactly(gated.apply(List.of(x)).getFirst().toFloats());
    }
  }

  @Test
  void aValueThatIsUsedTwiceIsKept() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      Tensor w = real(5, DIM);
      Function<List<Tensor>, List<Tensor>> twice = in -> {
        Tensor y = new Linear(false).apply(in.getFirst(), w);
        return List.of(y.map(Unary.Fn.GELU), y.add(y), y);
      };
      Plan plan = Plan.of(twice, List.of(new Spec(DType.F32, Shape.of(7, DIM))), WeightFormat.F32);
      Tensor x = real(7, DIM);
      backend.upload(x.bytes(), plan.inputs().getFirst().storage(), 0);
      List<Tensor> expected = twice.apply(List.of(x));
      List<Tensor> results = plan.run();
      for (int r = 0; r < 3; r++) {
        assertThat(results.get(r).toFloats()).containsExactly(expected.get(r).toFloats());
      }
    }
  }

  /** Stored short, a weight is another number, and all else is the same: so are the bits. Its distance is bounded by its rounding. */
  @ParameterizedTest
  @ValueSource(ints = {1, 33, 700, 1541})
  void shortWeightsAreRoundedAndNothingElse(int depth) {
    try (Backend backend = Backends.open(Device.CPU, 2); Scope _ = Scope.open(backend)) {
      Tensor x = real(9, depth);
      Tensor w = real(71, depth);
      Tensor exact = linear(x, w, WeightFormat.F32);
      check(x, w, exact, WeightFormat.BF16, PlanTest::toBFloat16);
      check(x, w, exact, WeightFormat.INT8, PlanTest::toBytes);
    }
  }

  private static void check(Tensor x, Tensor w, Tensor exact, WeightFormat format, UnaryOperator<float[]> rounding) {
    int depth = (int) w.dim(1);
    float[] values = w.toFloats();
    float[] rounded = new float[values.length];
    for (int row = 0; row < w.dim(0); row++) {
      float[] channel = new float[depth];
      System.arraycopy(values, row * depth, channel, 0, depth);
      System.arraycopy(rounding.apply(channel), 0, rounded, row * depth, depth);
    }
    float[] actual = linear(x, w, format).toFloats();
    assertThat(actual).containsExactly(linear(x, Tensor.of(rounded, w.shape().toArray()), WeightFormat.F32).toFloats());
    float[] a = x.toFloats();
    float[] y = exact.toFloats();
    int n = (int) w.dim(0);
    for (int i = 0; i < y.length; i++) {
      double bound = 0;
      for (int p = 0; p < depth; p++) {
        double magnitude = Math.abs(a[i / n * depth + p]);
        double unit = format == WeightFormat.BF16
            ? Math.abs(values[i % n * depth + p]) * DType.BF16.roundoff()
            : largest(values, i % n, depth) / 254;
        bound += magnitude * (unit + 4 * depth * DType.F32.roundoff());
      }
      assertThat(Math.abs((double) actual[i] - y[i])).as("%s, element %d", format, i).isLessThanOrEqualTo(bound);
    }
  }

  private static double largest(float[] values, int row, int depth) {
    double largest = 0;
    for (int p = 0; p < depth; p++) {
      largest = Math.max(largest, Math.abs(values[row * depth + p]));
    }
    return largest;
  }

  private static Tensor linear(Tensor x, Tensor w, WeightFormat format) {
    Plan plan = Plan.of(in -> List.of(new Linear(false).apply(in.getFirst(), w)), List.of(new Spec(DType.F32, x.shape())), format);
    x.storage().backend().upload(x.bytes(), plan.inputs().getFirst().storage(), 0);
    return plan.run().getFirst();
  }

  private static float[] toBFloat16(float[] row) {
    float[] result = new float[row.length];
    for (int i = 0; i < row.length; i++) {
      result[i] = BFloat16.toFloat(BFloat16.fromFloat(row[i]));
    }
    return result;
  }

  private static float[] toBytes(float[] row) {
    float scale = 0;
    for (float v : row) {
      scale = Math.max(scale, Math.abs(v) / 127);
    }
    float[] result = new float[row.length];
    for (int i = 0; i < row.length; i++) {
      result[i] = Math.round(row[i] / scale) * scale;
    }
    return result;
  }

  /** Vectors are objects until their loops have been compiled, which takes some runs. */
  @Test
  void aRunAllocatesNoMemoryForValues() {
    try (HostBackend backend = (HostBackend) Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      Plan plan = Plan.of(plain(), List.of(new Spec(DType.F32, Shape.of(8, 49, DIM))), WeightFormat.F32);
      var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
      long reserved = backend.reservedBytes();
      long least = Long.MAX_VALUE;
      long bound = plan.bytes() / 2;
      for (long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60); least > bound && System.nanoTime() < end;) {
        long before = threads.getCurrentThreadAllocatedBytes();
        plan.run();
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      }
      assertThat(least).as("bytes of the heap a run takes, where values take %d", plan.bytes()).isLessThanOrEqualTo(bound);
      assertThat(backend.reservedBytes()).as("native memory").isEqualTo(reserved);
    }
  }

  private Function<List<Tensor>, List<Tensor>> plain() {
    Tensor gain = real(DIM);
    Tensor shift = real(DIM);
    Tensor qkv = real(3 * DIM, DIM);
    Tensor fc1 = real(4 * DIM, DIM);
    Tensor fc2 = real(DIM, 4 * DIM);
    return inputs -> {
      Tensor x = inputs.getFirst();
      Tensor packed = new Linear(false).apply(new LayerNorm(1, true, 1e-6).apply(x, gain, shift), qkv);
      List<Tensor> parts = new Unbind(2).applyAll(List.of(packed.reshape(x.dim(0), x.dim(1), 3, HEADS, DIM / HEADS)));
      Tensor mixed = x.add(new Attention(0.3, false, false).apply(parts.get(0), parts.get(1), parts.get(2)).reshape(x.shape()));
      return List.of(mixed.add(new Linear(false).apply(new Linear(false).apply(mixed, fc1).map(Unary.Fn.GELU), fc2)));
    };
  }
}
