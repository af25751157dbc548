package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LoraLinear;
import dev.tenon.engine.op.MatMul;
import dev.tenon.kernels.gpu.ElementwiseKernels;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import dev.tenon.kernels.gpu.Walk;
import java.util.Arrays;
import java.util.List;

/** Launches the text {@code gemm.cu}: matrix products, linear layers, and the low-rank update that enters the same sums. */
record GemmKernels(Launcher launcher, int multiprocessors) {
  private static final String TEXT = "gemm";
  private static final int THREADS = 256;
  private static final int MOST_IN_GRID = 65535;

  /** No second product. */
  private static final int[] NOTHING = {0, 0, 0, 0, 0};

  List<Kernel> all() {
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

  static Walk batch(Call call) {
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
    int[] product = {(int) a.shape().dim(-1), (int) a.stride(-2), (int) a.stride(-1), (int) b.stride(-2), (int) b.stride(-1)};
    int m = (int) a.shape().dim(-2);
    int n = (int) b.shape().dim(-1);
    launch(call, batch(call), m, n, product, call.input(0), call.input(1), NOTHING, 0L, 0L, 0L);
  }

  private void linear(Call call) {
    try (Operands in = launcher.operands(call)) {
      Object bias = ((Linear) call.op()).bias() ? in.contiguous(2) : Long.valueOf(0);
      layer(call, in.contiguous(0), NOTHING, 0L, 0L, bias);
    }
  }

  private void loraLinear(Call call) {
    try (Operands in = launcher.operands(call)) {
      LoraLinear op = (LoraLinear) call.op();
      int lora = op.bias() ? 3 : 2;
      Layout down = call.input(lora).layout();
      Layout up = call.input(lora + 1).layout();
      int k = (int) down.shape().dim(0);
      int rank = (int) down.shape().dim(1);
      int rows = (int) (call.output(0).size() / call.output(0).dim(-1));
      long x = in.contiguous(0);
      DType dtype = ElementwiseKernels.real(call);
      long low = in.scratch((long) rows * rank * Math.max(4, dtype.byteSize()));
      if (rank > 0) {
        launcher.launch(call, Launcher.Entry.of(TEXT, "low", dtype), tiles(rows, rank, 1, 64), rows, rank,
            new int[] {k, k, 1, (int) down.stride(0), (int) down.stride(1)}, x, call.input(lora), op.scale(), low);
      }
      Object bias = op.bias() ? in.contiguous(2) : Long.valueOf(0);
      layer(call, x, new int[] {rank, rank, 1, (int) up.stride(0), (int) up.stride(1)}, low, call.input(lora + 1), bias);
    }
  }

  /** {@code x·wᵀ} with contiguous x and the weight as it lies. */
  private void layer(Call call, long x, int[] second, Object a2, Object b2, Object bias) {
    Layout w = call.input(1).layout();
    int n = (int) w.shape().dim(0);
    int k = (int) w.shape().dim(1);
    int rows = (int) (call.output(0).size() / n);
    int[] product = {k, k, 1, (int) w.stride(1), (int) w.stride(0)};
    Walk single = Walk.of(Shape.of(), Layout.contiguous(Shape.of()), Layout.contiguous(Shape.of()));
    launch(call, single, rows, n, product, x, call.input(1), second, a2, b2, bias);
  }

  private void launch(
      Call call, Walk batch, int m, int n, int[] product, Object a, Object b, int[] second, Object a2, Object b2, Object bias) {
    DType dtype = ElementwiseKernels.real(call);
    long blocks = (m + 127L) / 128 * ((n + 127L) / 128) * batch.size();
    int tile = dtype == DType.F64 || blocks < multiprocessors ? 64 : 128;
    launcher.launch(call, Launcher.Entry.of(TEXT, "gemm" + tile, dtype), tiles(m, n, batch.size(), tile), batch.pack(), m, n,
        product, a, b, second, a2, b2, bias, call.output(0));
  }

  private static Grid tiles(int m, int n, long batch, int tile) {
    return new Grid((m + tile - 1) / tile, (n + tile - 1) / tile, (int) batch, THREADS);
  }
}
