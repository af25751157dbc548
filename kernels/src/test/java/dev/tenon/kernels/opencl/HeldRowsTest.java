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
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.LayerNormGrad;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Softmax;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What can be said of rows in private memory without a device: which calls are refused, and why. */
class HeldRowsTest {
  private static String reason(int kernel, Op op, List<Tensor> inputs, List<Tensor> outputs) {
    Offer offer = new HeldRows(null).all().get(kernel).accepts(new Call(op, inputs, outputs));
    return offer instanceof Offer.Refuse(String reason) ? reason : "";
  }

  private static String norm(DType dtype, long rows, long n) {
    Tensor x = Tensor.empty(dtype, Shape.of(rows, n));
    Tensor mean = Tensor.empty(dtype, Shape.of(rows));
    return reason(0, new LayerNorm(1, false, 1e-6), List.of(x), List.of(x, mean, mean));
  }

  private static String gradient(DType dtype, long rows, long n) {
    Tensor x = Tensor.empty(dtype, Shape.of(rows, n));
    Tensor mean = Tensor.empty(dtype, Shape.of(rows));
    return reason(1, new LayerNormGrad(1, false), List.of(x, x, mean, mean), List.of(x));
  }

  private static String softmax(int axis, long... shape) {
    Tensor x = Tensor.empty(DType.F32, Shape.of(shape));
    return reason(2, new Softmax(axis), List.of(x), List.of(x));
  }

  @Test
  void rowsThatFitAreTaken() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      assertThat(norm(DType.F32, 3, 768)).isEmpty();
      assertThat(norm(DType.BF16, 3, 8192)).isEmpty();
      assertThat(gradient(DType.F32, 3, 4096)).isEmpty();
      assertThat(gradient(DType.F64, 3, 1024)).isEmpty();
      assertThat(softmax(1, 3, 197)).isEmpty();
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    try (Backend backend = Backends.open(Device.CPU, 1); Scope _ = Scope.open(backend)) {
      assertThat(norm(DType.F32, 3, 8196)).contains("1 to 8192", "8196");
      assertThat(norm(DType.F32, 3, 2049)).contains("1 to 2048", "2049");
      assertThat(norm(DType.F32, 0, 768)).contains("have 0");
      assertThat(gradient(DType.F64, 3, 1028)).contains("1 to 1024");
      assertThat(softmax(0, 3, 197)).contains("neighbors");
      assertThat(softmax(1, 3, 1)).contains("neighbors");
    }
  }
}
