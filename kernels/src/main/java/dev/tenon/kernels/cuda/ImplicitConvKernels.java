package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Conv2dGradWeight;
import dev.tenon.kernels.gpu.Convolution;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import dev.tenon.kernels.gpu.ReduceKernels;
import java.util.List;

/** Launches the text {@code implicit.cu}: convolutions as products of matrices, of which the one with the patches exists nowhere. */
record ImplicitConvKernels(Launcher launcher, ReduceKernels reductions, int multiprocessors) {
  private static final String TEXT = "implicit";
  private static final double COST = 0.5;
  private static final int THREADS = 256;
  private static final int MOST_IN_GRID = 65535;
  /** Rows of a product that make it worth it: a tile has 64, and the others are computed for nothing. */
  private static final long LEAST_ROWS = 8;
  /** Blocks a multiprocessor to cut the gradient of the weight into, and the positions that are worth a part. */
  private static final int BLOCKS_EACH = 4;
  private static final int LEAST_PART = 1024;

  List<Kernel> all() {
    return List.of(
        new OpKernel("implicit gemm", Conv2d.class, COST, c -> refusal(c, ((Conv2d) c.op()).groups(), c.output(0).dim(1)), this::forward),
        new OpKernel("implicit gemm", Conv2dGradInput.class, COST,
            c -> refusal(c, ((Conv2dGradInput) c.op()).conv().groups(), c.output(0).dim(1)), this::gradInput),
        new OpKernel("implicit gemm", Conv2dGradWeight.class, COST,
            c -> refusal(c, ((Conv2dGradWeight) c.op()).conv().groups(), c.input(0).dim(1)), this::gradWeight));
  }

  /** {@code channels} are those of the result, or the filters. */
  private static String refusal(Call call, int groups, long channels) {
    String reason = Fit.real(call);
    if (reason != null) {
      return reason;
    }
    return groups <= MOST_IN_GRID && channels / groups >= LEAST_ROWS ? null
        : "takes groups of at least " + LEAST_ROWS + " filters or channels, and here are " + channels / groups;
  }

  private void forward(Call call) {
    Conv2d op = (Conv2d) call.op();
    Tensor y = call.output(0);
    try (Operands in = launcher.operands(call)) {
      int[] geometry = Convolution.forward(call).ints();
      launch(call, "implicitConv", y.dim(0) * y.dim(2) * y.dim(3), y.dim(1) / op.groups(), op.groups(), geometry, in.contiguous(0),
          in.contiguous(1), op.bias() ? in.contiguous(2) : 0L, y);
    }
  }

  private void gradInput(Call call) {
    Conv2d op = ((Conv2dGradInput) call.op()).conv();
    Tensor x = call.output(0);
    try (Operands in = launcher.operands(call)) {
      int[] geometry = Convolution.forward(call).ints();
      launch(call, "implicitGradInput", x.dim(0) * x.dim(2) * x.dim(3), x.dim(1) / op.groups(), op.groups(), geometry, in.contiguous(0),
          in.contiguous(1), x);
    }
  }

  private void gradWeight(Call call) {
    Conv2d op = ((Conv2dGradWeight) call.op()).conv();
    Tensor g = call.input(0);
    Tensor weight = call.output(0);
    try (Operands in = launcher.operands(call)) {
      int[] geometry = Convolution.forward(call).ints();
      long width = weight.shape().product(1, 4);
      long filters = weight.dim(0) / op.groups();
      long positions = g.dim(0) * g.dim(2) * g.dim(3);
      long blocks = tiles(width, tile(call, filters)) * tiles(filters, tile(call, filters)) * op.groups();
      long most = Math.clamp(positions / LEAST_PART, 1, MOST_IN_GRID / op.groups());
      long parts = Math.clamp((long) BLOCKS_EACH * multiprocessors / blocks, 1, most);
      int each = (int) ((positions + parts - 1) / parts);
      DType type = weight.dtype() == DType.BF16 ? DType.F32 : weight.dtype();
      long sums = in.scratch(parts * weight.size() * type.byteSize());
      launch(call, "implicitGradWeight", width, filters, (int) (op.groups() * parts), geometry, each, (int) parts, in.contiguous(0),
          in.contiguous(1), sums);
      reductions.sumTo(call, in, type, sums, Shape.of(parts).concat(weight.shape()), weight);
    }
  }

  private void launch(Call call, String name, long columns, long rows, int matrices, Object... arguments) {
    int tile = tile(call, rows);
    launcher.launch(call, Launcher.Entry.of(TEXT, name + tile, call.output(0).dtype()),
        new Grid((int) tiles(columns, tile), (int) tiles(rows, tile), matrices, THREADS), arguments);
  }

  private static int tile(Call call, long rows) {
    return call.output(0).dtype() == DType.F64 || rows <= 64 ? 64 : 128;
  }

  private static long tiles(long extent, int tile) {
    return (extent + tile - 1) / tile;
  }
}
