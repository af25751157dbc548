package dev.tenon.kernels.cuda;

import static dev.tenon.kernels.gpu.AttentionKernels.heads;
import static dev.tenon.kernels.gpu.AttentionKernels.orNull;
import static dev.tenon.kernels.gpu.AttentionKernels.scores;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.AttentionGrad;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import dev.tenon.kernels.gpu.ReduceKernels;
import java.util.List;

/** Launches the text {@code flash.cu}: attention of BF16 on tensor cores. */
record FlashKernels(Launcher launcher, ReduceKernels reductions) {
  private static final String TEXT = "flash";
  private static final double COST = 0.5;
  private static final int THREADS = 128;
  private static final int TILE = 64;
  private static final int CHANNELS = 64;
  private static final int MOST_IN_GRID = 65535;
  /** Bytes that asynchronous copies move at a time. */
  private static final int CHUNK = 16;

  List<Kernel> all() {
    return List.of(
        new OpKernel("tensor flash", Attention.class, COST, c -> refusal(c, 0, DType.BF16, CHANNELS), this::forward),
        new OpKernel("tensor flash", AttentionGrad.class, COST, c -> refusal(c, 1, DType.BF16, CHANNELS), this::backward));
  }

  /** Why operands, q from {@code q} on, are none for copies of 16 bytes, or null; heads have up to {@code most} channels. */
  static String refusal(Call call, int q, DType dtype, int most) {
    String reason = Fit.real(call);
    if (reason != null) {
      return reason;
    }
    Tensor query = call.input(q);
    int chunk = CHUNK / dtype.byteSize();
    if (query.dtype() != dtype || query.dim(3) % chunk != 0 || query.dim(3) > most) {
      return "takes heads of " + dtype + " whose size is a multiple of " + chunk + " up to " + most + ", and q is " + query.shape() + " "
          + query.dtype();
    }
    for (Tensor t : call.inputs().subList(q, q + 3)) {
      boolean aligned = t.layout().stride(3) == 1 && Launcher.address(t) % CHUNK == 0;
      for (int d = 0; d < 3; d++) {
        aligned &= t.layout().stride(d) % chunk == 0;
      }
      if (!aligned) {
        return "copies 16 bytes at a time, and the heads of " + t.layout() + " do not start at multiples of that";
      }
    }
    return query.dim(0) > MOST_IN_GRID || query.dim(2) > MOST_IN_GRID ? "takes up to 65535 batches and heads" : null;
  }

  private static int width(Tensor q) {
    return q.dim(3) <= 32 ? 32 : 64;
  }

  private void launch(Call call, String name, Tensor q, long positions, int tiles, Object... arguments) {
    int sharedBytes = tiles * TILE * width(q) * q.dtype().byteSize() + 4 * TILE * Float.BYTES;
    Grid grid = new Grid((int) ((positions + TILE - 1) / TILE), (int) q.dim(2), (int) q.dim(0), THREADS, sharedBytes);
    launcher.launch(call, Launcher.Entry.of(TEXT, name + width(q), q.dtype()), grid, arguments);
  }

  private void forward(Call call) {
    Attention op = (Attention) call.op();
    Tensor q = call.input(0);
    Tensor bias = op.bias() ? call.input(3) : null;
    launch(call, "flash", q, q.dim(1), 5, heads(q, call.input(1), call.input(2), op.causal(), bias), op.scale(), q, call.input(1),
        call.input(2), orNull(bias), call.output(0), call.output(1));
  }

  private void backward(Call call) {
    try (Operands in = launcher.operands(call)) {
      AttentionGrad op = (AttentionGrad) call.op();
      Tensor q = call.input(1);
      Tensor k = call.input(2);
      Tensor v = call.input(3);
      Tensor bias = op.bias() ? call.input(6) : null;
      int[] heads = heads(q, k, v, op.causal(), bias);
      int rows = (int) (q.dim(0) * q.dim(1) * q.dim(2));
      long g = in.aligned(0);
      long delta = in.scratch((long) rows * Float.BYTES);
      long scores = bias == null ? 0 : in.scratch(rows * k.dim(1) * Float.BYTES);
      long lse = in.contiguous(5);
      launcher.launch(call, Launcher.Entry.of(TEXT, "flashDots", q.dtype()), Grid.each(8L * rows), heads, rows, g, in.aligned(4), delta);
      launch(call, "flashGradQuery", q, q.dim(1), 6, heads, op.scale(), g, q, k, v, orNull(bias), lse, delta, call.output(0), scores);
      launch(call, "flashGradKeyValue", q, k.dim(1), 6, heads, op.scale(), g, q, k, v, orNull(bias), lse, delta, call.output(1),
          call.output(2));
      if (bias != null) {
        reductions.sumTo(call, in, DType.F32, scores, Attention.groupedByBias(scores(q, k), bias.shape()), call.output(3));
      }
    }
  }
}
