package dev.tenon.kernels.gpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LoraLinear;
import dev.tenon.engine.op.MatMul;
import java.util.Arrays;
import java.util.List;

/** Matrix products, linear layers, and the low-rank update that enters the same sums, as products of two matrices each. */
public record GemmKernels(Launcher launcher, Products products) {
  private static final int MOST_IN_GRID = 65535;
  /** A batch of one. */
  public static final Walk SINGLE = Walk.of(Shape.of(), Layout.contiguous(Shape.of()), Layout.contiguous(Shape.of()));

  public List<Kernel> all() {
    return List.of(
        new OpKernel("gemm", MatMul.class, GemmKernels::batchRefusal, this::matMul),
        new OpKernel("gemm", Linear.class, Fit::real, this::linear),
        new OpKernel("gemm", LoraLinear.class, Fit::real, this::loraLinear));
  }

  private static String batchRefusal(Call call) {
    String reason = Fit.real(call);
    if (reason != null) {
      return reason;
    }
    Walk batch = batch(call);
    return batch.fits() && batch.size() <= MOST_IN_GRID ? null : "takes batches of up to 65535 matrices, and here are " + batch.size();
  }

  /** The batch of a {@link MatMul}, walking over both operands. */
  public static Walk batch(Call call) {
    Shape batch = call.output(0).shape().slice(0, call.output(0).rank() - 2);
    return Walk.of(batch, lead(call.input(0)), lead(call.input(1)));
  }

  private static Layout lead(Tensor t) {
    int rank = t.rank() - 2;
    return Layout.of(t.shape().slice(0, rank), Arrays.copyOf(t.layout().strides(), rank), 0);
  }

  private void matMul(Call call) {
    Layout a = call.input(0).layout();
    Layout b = call.input(1).layout();
    Products.Factors factors = new Products.Factors((int) a.shape().dim(-1), (int) a.stride(-2), (int) a.stride(-1), (int) b.stride(-2),
        (int) b.stride(-1), call.input(0), call.input(1));
    products.multiply(call, ElementwiseKernels.real(call), batch(call), (int) a.shape().dim(-2), (int) b.shape().dim(-1), factors,
        call.output(0));
  }

  private void linear(Call call) {
    try (Operands in = launcher.operands(call)) {
      Object bias = ((Linear) call.op()).bias() ? in.contiguous(2) : Long.valueOf(0);
      layer(call, in.contiguous(0), Products.NONE, bias);
    }
  }

  private void loraLinear(Call call) {
    try (Operands in = launcher.operands(call)) {
      LoraLinear op = (LoraLinear) call.op();
      Tensor down = call.input(op.bias() ? 3 : 2);
      Tensor up = call.input(op.bias() ? 4 : 3);
      int k = (int) down.dim(0);
      int rank = (int) down.dim(1);
      int rows = (int) (call.output(1).size() / Math.max(1, rank));
      long x = in.contiguous(0);
      DType dtype = ElementwiseKernels.real(call);
      DType sums = dtype == DType.F64 ? DType.F64 : DType.F32;
      long low = in.result(1, sums);
      if (rank > 0) {
        products.low(call, dtype, rows, rank,
            new Products.Factors(k, k, 1, (int) down.layout().stride(0), (int) down.layout().stride(1), x, down), op.scale(), low);
      }
      Products.Factors update =
          new Products.Factors(rank, rank, 1, (int) up.layout().stride(0), (int) up.layout().stride(1), low, up);
      if (call.output(0).size() > 0) {
        layer(call, x, update, op.bias() ? in.contiguous(2) : Long.valueOf(0));
      }
      in.finish(1, low, sums);
    }
  }

  /** {@code x·wᵀ} with contiguous x and the weight as it lies, and what {@code update} adds to it. */
  private void layer(Call call, long x, Products.Factors update, Object bias) {
    Tensor w = call.input(1);
    int n = (int) w.dim(0);
    int k = (int) w.dim(1);
    products.multiply(call, ElementwiseKernels.real(call), SINGLE, (int) (call.output(0).size() / n), n,
        new Products.Factors(k, k, 1, (int) w.layout().stride(1), (int) w.layout().stride(0), x, w), update, bias, call.output(0));
  }
}
