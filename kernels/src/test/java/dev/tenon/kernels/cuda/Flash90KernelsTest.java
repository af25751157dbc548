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

/** What can be said of attention by warpgroups without a GPU: which calls are refused, and why. */
class Flash90KernelsTest {
  /** Why the call is refused; empty where it is not. */
  private static String reason(double scale, boolean bias, Tensor... operands) {
    Call call = new Call(new Attention(scale, false, bias), List.of(operands), List.of());
    Offer offer = new Flash90Kernels(null, null, 132).all().getFirst().accepts(call);
    return offer instanceof Offer.Refuse(String reason) ? reason : "";
  }

  private static Tensor zeros(long... shape) {
    return Tensor.zeros(DType.BF16, Shape.of(shape));
  }

  private static String packed(double scale, int dim) {
    Tensor packed = zeros(2, 197, 3, 2, dim);
    return reason(scale, false, packed.select(2, 0), packed.select(2, 1), packed.select(2, 2));
  }

  @Test
  void partsOfOneProjectionAreTakenAsTheyLie() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      assertThat(packed(0.125, 64)).isEmpty();
      assertThat(packed(0.125, 40)).isEmpty();
      assertThat(packed(0.125, 160)).isEmpty();
    }
  }

  @Test
  void whatTheTextsLackIsRefused() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      Tensor x = zeros(1, 8, 1, 64);
      Tensor none = zeros(1, 0, 1, 64);
      Tensor repeated = x.expand(3, 8, 1, 64);
      assertThat(packed(0.125, 32)).contains("half empty");
      assertThat(packed(0.125, 168)).contains("up to 160");
      assertThat(packed(-0.125, 64)).contains("largest score");
      assertThat(reason(1, true, x, x, x, zeros(8, 8))).contains("bias");
      assertThat(reason(1, false, x, none, none)).contains("none");
      assertThat(reason(1, false, repeated, repeated, repeated)).contains("apart");
    }
  }
}
