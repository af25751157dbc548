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
import dev.tenon.engine.op.MatMul;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What can be said of split products without a GPU: which calls are refused, and how depths are cut. */
class SplitKernelsTest {
  private final SplitKernels kernels = new SplitKernels(null, null, null, 132);

  /** Why the product is refused; empty where it is not. */
  private String reason(Tensor a, Tensor b) {
    Tensor c = Tensor.empty(a.dtype(), Shape.of(a.dim(0), a.dim(1), b.dim(2)));
    Offer offer = kernels.all().getFirst().accepts(new Call(new MatMul(), List.of(a, b), List.of(c)));
    return offer instanceof Offer.Refuse(String reason) ? reason : "";
  }

  private static Tensor empty(DType dtype, long... shape) {
    return Tensor.empty(dtype, Shape.of(shape));
  }

  @Test
  void largeProductsOfF32AreTakenAsTheyLie() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      Tensor a = empty(DType.F32, 2, 512, 600);
      assertThat(reason(a, empty(DType.F32, 2, 600, 512))).isEmpty();
      assertThat(reason(a.transpose(1, 2), empty(DType.F32, 2, 512, 512).transpose(1, 2))).isEmpty();
    }
  }

  @Test
  void whatDoesNotRepaySplittingIsRefused() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      Tensor a = empty(DType.F32, 2, 512, 600);
      assertThat(reason(a, empty(DType.F32, 2, 600, 64))).contains("large products");
      assertThat(reason(empty(DType.F32, 2, 512, 4), empty(DType.F32, 2, 4, 512))).contains("large products");
      assertThat(reason(empty(DType.F32, 2, 512, 0), empty(DType.F32, 2, 0, 512))).contains("large products");
      assertThat(reason(empty(DType.F64, 2, 512, 600), empty(DType.F64, 2, 600, 512))).contains("F64");
      Tensor gaps = empty(DType.F32, 2, 512, 600, 2).select(3, 0);
      assertThat(reason(gaps, empty(DType.F32, 2, 600, 512))).contains("lines");
    }
  }

  @ParameterizedTest
  @CsvSource({"25216, 3072, 1, 12, 1", "768, 768, 1, 394, 11", "300, 300, 1, 3, 1"})
  void depthsAreCutWhereTilesAreFew(int m, int n, int batch, int slices, int parts) {
    assertThat(kernels.parts(m, n, batch, slices)).isEqualTo(parts);
  }
}
