package dev.tenon.kernels.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel.Offer;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.AttentionGrad;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What can be said of attention in private memory without a device: which calls are refused, and why. */
class TiledAttentionTest {
  private static final int LOCAL_BYTES = 48 * 1024;

  /** Why attention, or its gradient, is refused on a device with that much local memory; empty where it is not. */
  private static String reason(boolean backward, int localBytes, Tensor q, Tensor k) {
    Tensor lse = Tensor.zeros(q.dtype(), Shape.of(q.dim(0), q.dim(2), q.dim(1)));
    Call call = backward ? new Call(new AttentionGrad(0.125, false, false), List.of(q, q, k, k, q, lse), List.of())
        : new Call(new Attention(0.125, false, false), List.of(q, k, k), List.of());
    Offer offer = new TiledAttention(null, null, 132, localBytes).all().get(backward ? 1 : 0).accepts(call);
    return offer instanceof Offer.Refuse(String reason) ? reason : "";
  }

  private static String reason(Tensor x) {
    return reason(false, LOCAL_BYTES, x, x);
  }

  private static Tensor zeros(DType dtype, long... shape) {
    return Tensor.zeros(dtype, Shape.of(shape));
  }

  @Test
  void partsOfOneProjectionAreTakenAsTheyLie() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      for (int dim : new int[] {64, 32, 12}) {
        Tensor packed = zeros(DType.F32, 2, 197, 3, 2, dim);
        assertThat(reason(packed.select(2, 1))).isEmpty();
        assertThat(reason(true, LOCAL_BYTES, packed.select(2, 1), packed.select(2, 2))).isEmpty();
      }
    }
  }

  @Test
  void localMemoryHasToHoldTheTiles() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      Tensor x = zeros(DType.F32, 1, 50, 2, 64);
      assertThat(reason(false, 32 * 1024, x, x)).isEmpty();
      assertThat(reason(true, 32 * 1024, x, x)).contains("bytes of local memory");
    }
  }

  @Test
  void whatTheTextLacksIsRefused() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      assertThat(reason(zeros(DType.F32, 1, 8, 1, 72))).contains("up to 64");
      assertThat(reason(zeros(DType.F32, 1, 8, 1, 30))).contains("multiple of 4");
      assertThat(reason(zeros(DType.BF16, 1, 8, 1, 64))).contains("heads of F32");
      assertThat(reason(zeros(DType.F32, 1, 8, 1, 65).slice(3, 1, 65))).contains("16 bytes");
      assertThat(reason(false, LOCAL_BYTES, zeros(DType.F32, 1, 8, 1, 64), zeros(DType.F32, 1, 0, 1, 64))).contains("no elements");
    }
  }
}
