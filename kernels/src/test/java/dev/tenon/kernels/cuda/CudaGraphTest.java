package dev.tenon.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Plan;
import dev.tenon.engine.Precision;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.Spec;
import dev.tenon.engine.op.Unary;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Plans that a GPU replays, layers that take along what follows, and kernels by name. */
@Tag("gpu")
class CudaGraphTest {
  private static final int ROWS = 70;
  private static final int DIM = 96;

  private final Random random = new Random(3);

  @BeforeEach
  void requireGpu() {
    assumeTrue(Driver.missing().isEmpty(), "there is no NVIDIA GPU here");
  }

  private float[] values(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextFloat(-1, 1);
    }
    return values;
  }

  /** A sum over rows that are not adjacent works in memory of its own; that must not be anybody else's when the graph is replayed. */
  private static Tensor compute(Tensor x, Tensor w) {
    Tensor hidden = new Linear(false).apply(x, w).map(Unary.Fn.GELU);
    return new Softmax(-1).apply(hidden.add(hidden.transpose(0, 1).matmul(x).sum(0)));
  }

  @Test
  void replaysGiveTheBitsOfLaunches() {
    try (Backend gpu = new CudaProvider().open(Device.parse("cuda"), 0, Precision.FP32); Scope _ = Scope.open(gpu)) {
      Tensor w = Tensor.of(values(DIM * DIM), DIM, DIM);
      Plan plan = Plan.of(
          in -> List.of(compute(in.getFirst(), w)), List.of(new Spec(DType.F32, Shape.of(ROWS, DIM))), WeightFormat.F32);
      for (int run = 0; run < 4; run++) {
        float[] x = values(ROWS * DIM);
        gpu.upload(MemorySegment.ofArray(x), plan.inputs().getFirst().storage(), 0);
        float[] planned = plan.run().getFirst().toFloats();
        try (Scope _ = Scope.open()) {
          assertThat(planned).as("run %d", run).isEqualTo(compute(Tensor.of(x, ROWS, DIM), w).toFloats());
        }
      }
    }
  }

  /** GELU and the residual that follow a layer are part of it where the GPU can; their bits are those of three launches. */
  @Test
  void aLayerTakesAlongWhatFollowsInTheSameBits() {
    try (Backend gpu = new CudaProvider().open(Device.parse("cuda"), 0, Precision.FP32); Scope _ = Scope.open(gpu)) {
      for (int depth : new int[] {64, 4096}) {
        Tensor x = Tensor.of(values(ROWS * depth), ROWS, depth).cast(DType.BF16);
        Tensor w = Tensor.of(values(DIM * depth), DIM, depth).cast(DType.BF16);
        Tensor residual = Tensor.of(values(ROWS * DIM), ROWS, DIM).cast(DType.BF16);
        Function<List<Tensor>, List<Tensor>> layer =
            in -> List.of(residual.add(new Linear(false).apply(in.getFirst(), w).map(Unary.Fn.GELU)));
        Plan plan = Plan.of(layer, List.of(new Spec(DType.BF16, x.shape())), WeightFormat.F32);
        gpu.upload(x.bytes(), plan.inputs().getFirst().storage(), 0);
        float[] expected = layer.apply(List.of(x)).getFirst().toFloats();
        for (int run = 0; run < 3; run++) {
          assertThat(plan.run().getFirst().toFloats()).as("depth %d, run %d", depth, run).isEqualTo(expected);
        }
      }
    }
  }

  private Tensor integers(long... shape) {
    float[] values = new float[(int) Shape.of(shape).size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextInt(-4, 5);
    }
    return Tensor.of(values, shape);
  }

  /**
   * Large enough that a tile is stored while the next is multiplied, with edges that fill no tile. Sums of small integers are exact in any
   * order, so that every element is known to the bit.
   */
  @Test
  void everyElementOfALargeLayerIsExact() {
    int rows = 3152;
    int columns = 2568;
    int depth = 328;
    try (Backend cpu = Backends.open(Device.CPU, 2); Backend gpu = new CudaProvider().open(Device.parse("cuda"), 0, Precision.FP32);
        Scope _ = Scope.open(cpu)) {
      Tensor x = integers(rows, depth);
      Tensor w = integers(columns, depth);
      Tensor bias = integers(columns);
      Tensor residual = integers(rows, columns);
      Tensor expected = new Linear(true).apply(x, w, bias).cast(DType.BF16);
      float[] added = expected.cast(DType.F32).add(residual).cast(DType.BF16).toFloats();
      try (Scope _ = Scope.open(gpu)) {
        Tensor a = x.cast(DType.BF16).to(gpu);
        Tensor b = w.cast(DType.BF16).to(gpu);
        Tensor c = bias.cast(DType.BF16).to(gpu);
        Tensor rest = residual.cast(DType.BF16).to(gpu);
        assertThat(new Linear(true).apply(a, b, c).toFloats()).isEqualTo(expected.toFloats());
        assertThat(a.matmul(b.transpose(0, 1).contiguous()).toFloats())
            .isEqualTo(x.matmul(w.transpose(0, 1)).cast(DType.BF16).toFloats());
        Plan plan = Plan.of(in -> List.of(rest.add(new Linear(true).apply(in.getFirst(), b, c))),
            List.of(new Spec(DType.BF16, a.shape())), WeightFormat.F32);
        gpu.upload(a.bytes(), plan.inputs().getFirst().storage(), 0);
        for (int run = 0; run < 3; run++) {
          assertThat(plan.run().getFirst().toFloats()).as("run %d", run).isEqualTo(added);
        }
      }
    }
  }

  /** Attention by warpgroups and by warps have kernels of one name in texts of their own; launching one must not stand for the other. */
  @Test
  void kernelsOfOneNameAreToldApart() {
    try (Backend gpu = new CudaProvider().open(Device.parse("cuda"), 0, Precision.FP32); Scope _ = Scope.open(gpu)) {
      Tensor q = Tensor.of(values(40 * 64), 1, 40, 1, 64).cast(DType.BF16);
      Tensor none = Tensor.zeros(DType.BF16, Shape.of(1, 40, 40));
      float[] plain = new Attention(0.125, false, false).apply(q, q, q).toFloats();
      float[] biased = new Attention(0.125, false, true).apply(q, q, q, none).toFloats();
      assertThat(biased).containsExactly(plain, within(0.02f));
    }
  }
}
