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

/** What can be said of attention in parts without a GPU: which calls are refused, and why. */
class SplitAttentionTest {
  private static String reason(Attention op, Tensor q, Tensor k) {
    Offer offer = new SplitAttention(null, null, 132).all().getFirst().accepts(new Call(op, List.of(q, k, k), List.of()));
    return offer instanceof Offer.Refuse(String reason) ? reason : "";
  }

  private static String reason(Tensor q, Tensor k) {
    return reason(new Attention(0.125, false, false), q, k);
  }

  private static Tensor empty(DType dtype, long... shape) {
    return Tensor.empty(dtype, Shape.of(shape));
  }

  @Test
  void muchAttentionIsTakenAsItLies() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      Tensor pixels = empty(DType.F32, 2, 784, 1, 144);
      assertThat(reason(pixels, pixels)).isEmpty();
      Tensor packed = empty(DType.F32, 4, 197, 3, 6, 128);
      assertThat(reason(packed.select(2, 0), packed.select(2, 1))).isEmpty();
    }
  }

  @Test
  void whatDoesNotRepaySplittingOrHasNoKernelIsRefused() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      Tensor little = empty(DType.F32, 1, 197, 6, 128);
      assertThat(reason(little, little)).contains("much attention");
      Tensor wide = empty(DType.F32, 2, 784, 1, 160);
      assertThat(reason(wide, wide)).contains("66 to 144");
      Tensor narrow = empty(DType.F32, 4, 577, 12, 64);
      assertThat(reason(narrow, narrow)).contains("66 to 144");
      Tensor other = empty(DType.BF16, 2, 784, 1, 144);
      assertThat(reason(other, other)).contains("heads of F32");
      Tensor gaps = empty(DType.F32, 2, 784, 1, 144, 2).select(4, 0);
      assertThat(reason(gaps, gaps)).contains("neighbors");
      Tensor pixels = empty(DType.F32, 2, 784, 1, 144);
      assertThat(reason(new Attention(0.125, true, false), pixels, pixels)).contains("neither");
      assertThat(reason(new Attention(-1, false, false), pixels, pixels)).contains("largest product");
    }
  }
}
