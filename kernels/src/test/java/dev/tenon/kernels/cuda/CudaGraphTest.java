package dev.tenon.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.Backend;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Plan;
import dev.tenon.engine.Precision;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.Spec;
import dev.tenon.engine.op.Unary;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Plans that a GPU replays. */
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
}
