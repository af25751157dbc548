package dev.tenon.kernels.cuda;

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
import java.util.List;
import org.junit.jupiter.api.Test;

/** What can be said of attention of F32 without a GPU: which calls are refused, and why. */
class Attention32KernelsTest {
  private static final int SHARED_BYTES = 227 * 1024;

  /** Why the call is refused; empty where it is not. */
  private static String reason(int sharedBytes, Tensor... operands) {
    Call call = new Call(new Attention(0.125, false, false), List.of(operands), List.of());
    Offer offer = new Attention32Kernels(null, null, 132, sharedBytes).all().getFirst().accepts(call);
    return offer instanceof Offer.Refuse(String reason) ? reason : "";
  }

  private static Tensor zeros(DType dtype, long... shape) {
    return Tensor.zeros(dtype, Shape.of(shape));
  }

  private static String packed(int sharedBytes, int length, int dim) {
    Tensor packed = zeros(DType.F32, 2, length, 3, 2, dim);
    return reason(sharedBytes, packed.select(2, 0), packed.select(2, 1), packed.select(2, 2));
  }

  @Test
  void partsOfOneProjectionAreTakenAsTheyLie() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      assertThat(packed(SHARED_BYTES, 197, 64)).isEmpty();
      assertThat(packed(SHARED_BYTES, 49, 32)).isEmpty();
      assertThat(packed(SHARED_BYTES, 577, 12)).isEmpty();
    }
  }

  @Test
  void whatTheTextLacksIsRefused() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      Tensor x = zeros(DType.F32, 1, 8, 1, 64);
      Tensor none = zeros(DType.F32, 1, 0, 1, 64);
      Tensor half = zeros(DType.BF16, 1, 8, 1, 64);
      assertThat(packed(SHARED_BYTES, 197, 72)).contains("up to 64");
      assertThat(packed(SHARED_BYTES, 197, 30)).contains("multiple of 4");
      assertThat(packed(99 * 1024, 197, 64)).contains("bytes");
      assertThat(packed(99 * 1024, 50, 64)).isEmpty();
      assertThat(reason(SHARED_BYTES, half, half, half)).contains("heads of F32");
      assertThat(reason(SHARED_BYTES, x, none, none)).contains("none");
    }
  }
}
