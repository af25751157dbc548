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
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.MatMul;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Unary;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What can be said of products on tensor cores without a GPU: what a layer takes along in a plan, and which operands are packed. */
class TensorKernelsTest {
  private Backend backend;
  private Scope scope;

  @BeforeEach
  void open() {
    backend = Backends.open(Device.CPU, 1);
    scope = Scope.open(backend);
  }

  @AfterEach
  void close() {
    scope.close();
    backend.close();
  }

  private static Kernel kernel(Class<? extends Op> op) {
    return new TensorKernels("hopper", 0.25, null, new HopperProducts(null, null, 132), true).all().stream()
        .filter(k -> k.op() == op).findFirst().orElseThrow();
  }

  private static Tensor zeros(DType dtype, long... shape) {
    return Tensor.zeros(dtype, Shape.of(shape));
  }

  /** A call whose result is of the first operand's type and {@code shape}. */
  private static Call call(Op op, Shape shape, Tensor... inputs) {
    return new Call(op, List.of(inputs), List.of(Tensor.zeros(inputs[0].dtype(), shape)));
  }

  /** How many of {@code next} a layer of 24 columns takes along. */
  private static int absorbed(Call... next) {
    Tensor x = zeros(DType.BF16, 2, 5, 16);
    Call layer = call(new Linear(false), Shape.of(2, 5, 24), x, zeros(DType.BF16, 24, 16));
    return kernel(Linear.class).absorbs(layer, List.of(next));
  }

  @Test
  void aLayerTakesGeluAndThenTheResidual() {
    Shape shape = Shape.of(2, 5, 24);
    Tensor value = Tensor.zeros(DType.BF16, shape);
    Call gelu = call(Unary.of(Unary.Fn.GELU), shape, value);
    Call add = call(new Binary(Binary.Fn.ADD), shape, Tensor.zeros(DType.BF16, shape), value);
    assertThat(absorbed()).isZero();
    assertThat(absorbed(gelu)).isOne();
    assertThat(absorbed(add)).isOne();
    assertThat(absorbed(gelu, add)).isEqualTo(2);
    assertThat(absorbed(add, gelu)).isOne();
  }

  @Test
  void aLayerTakesNothingElse() {
    Shape shape = Shape.of(2, 5, 24);
    Tensor value = Tensor.zeros(DType.BF16, shape);
    assertThat(absorbed(call(Unary.of(Unary.Fn.RELU), shape, value))).isZero();
    assertThat(absorbed(call(new Binary(Binary.Fn.MUL), shape, value, value))).isZero();
    assertThat(absorbed(call(new Binary(Binary.Fn.ADD), shape, value, zeros(DType.BF16, 24)))).isZero();
    assertThat(absorbed(call(new Binary(Binary.Fn.ADD), shape, value, zeros(DType.BF16, 24, 5, 2).permute(2, 1, 0)))).isZero();
  }

  @Test
  void geluOfALargeResultIsLeftToAPassOfItsOwn() {
    Shape shape = Shape.of(4097, 1024);
    Call layer = call(new Linear(false), shape, zeros(DType.BF16, 4097, 16), zeros(DType.BF16, 1024, 16));
    Call gelu = call(Unary.of(Unary.Fn.GELU), shape, Tensor.zeros(DType.BF16, shape));
    Call add = call(new Binary(Binary.Fn.ADD), shape, Tensor.zeros(DType.BF16, shape), Tensor.zeros(DType.BF16, shape));
    assertThat(kernel(Linear.class).absorbs(layer, List.of(gelu, add))).isZero();
    assertThat(kernel(Linear.class).absorbs(layer, List.of(add))).isOne();
  }

  private static String refusal(Tensor a, Tensor b) {
    Shape shape = Shape.of(a.dim(-2), b.dim(-1));
    Call call = call(new MatMul(), a.rank() == 2 ? shape : Shape.of(a.dim(0), a.dim(-2), b.dim(-1)), a, b);
    return kernel(MatMul.class).accepts(call) instanceof Kernel.Offer.Refuse(String reason) ? reason : "";
  }

  @Test
  void factorsOfLowRankArePackedInBf16() {
    assertThat(refusal(zeros(DType.BF16, 100, 4).transpose(0, 1), zeros(DType.BF16, 100, 64))).isEmpty();
    assertThat(refusal(zeros(DType.BF16, 100, 64), zeros(DType.BF16, 64, 4))).isEmpty();
    assertThat(refusal(zeros(DType.F32, 100, 3).transpose(0, 1), zeros(DType.F32, 100, 64))).contains("16 bytes");
    assertThat(refusal(zeros(DType.BF16, 3, 100, 4).transpose(1, 2), zeros(DType.BF16, 3, 100, 64))).contains("16 bytes");
  }
}
