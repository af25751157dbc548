package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LoraLinear;
import dev.tenon.engine.op.MatMul;
import dev.tenon.engine.op.Op;
import dev.tenon.kernels.cuda.AlignedProducts.After;
import dev.tenon.kernels.cuda.AlignedProducts.Factors;
import dev.tenon.kernels.cuda.AlignedProducts.Second;
import dev.tenon.kernels.cuda.AlignedProducts.Side;
import dev.tenon.kernels.gpu.ElementwiseKernels;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.GemmKernels;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import dev.tenon.kernels.gpu.Walk;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * The products of {@link GemmKernels} on tensor cores.
 *
 * @param cost beside other kernels
 * @param tf32 whether products of F32 may go through tf32
 */
record TensorKernels(String name, double cost, Launcher launcher, AlignedProducts products, boolean tf32) {
  static final String TEXT = "tensor";
  /** What the text calls SLICE and STAGES: bytes along the depth that are multiplied at a time, and slices on their way. */
  static final int SLICE = 64;
  static final int STAGES = 4;
  private static final int THREADS = 128;
  private static final int MOST_IN_GRID = 65535;
  /** What asynchronous copies move, and are aligned to. */
  private static final int CHUNK = 16;

  List<Kernel> all() {
    return List.of(
        new OpKernel(name, MatMul.class, cost, this::matMulRefusal, this::matMul), layer(Linear.class, this::linear),
        layer(LoraLinear.class, this::loraLinear));
  }

  private Kernel layer(Class<? extends Op> op, BiConsumer<Call, After> run) {
    OpKernel alone = new OpKernel(name, op, cost, this::layerRefusal, c -> run.accept(c, AlignedProducts.ALONE));
    return products.continues() ? new LayerKernel(alone, run) : alone;
  }

  private String typeRefusal(Call call) {
    String reason = Fit.real(call);
    if (reason != null) {
      return reason;
    }
    DType dtype = ElementwiseKernels.real(call);
    return dtype == DType.BF16 || dtype == DType.F32 && tf32 ? null
        : "multiplies BF16, and F32 unless it has to be strict, and the operands are " + dtype;
  }

  private String matMulRefusal(Call call) {
    String reason = typeRefusal(call);
    if (reason != null) {
      return reason;
    }
    Walk batch = GemmKernels.batch(call);
    if (!batch.fits() || batch.size() > MOST_IN_GRID) {
      return "takes batches of up to 65535 matrices, and here are " + batch.size();
    }
    for (Tensor t : call.inputs()) {
      for (int d = 0; d < t.rank() - 2; d++) {
        if (t.dim(d) > 1 && t.layout().stride(d) % perChunk(t) != 0) {
          return misaligned(t);
        }
      }
    }
    Side a = side(call.input(0), false);
    Side b = side(call.input(1), true);
    if (a == null || b == null) {
      Tensor t = call.input(a == null ? 0 : 1);
      if (t.dtype() != DType.BF16 || batch.size() != 1) {
        return misaligned(t);
      }
    }
    return products.refusal(matMulFactors(call, a == null ? packed(call.input(0), false, 0) : a,
        b == null ? packed(call.input(1), true, 0) : b));
  }

  private String layerRefusal(Call call) {
    String reason = typeRefusal(call);
    if (reason != null) {
      return reason;
    }
    if (call.output(0).size() == 0) {
      return "needs a result to compute";
    }
    Tensor x = call.input(0);
    if (x.dim(-1) % perChunk(x) != 0) {
      return misaligned(x);
    }
    return side(call.input(1), false) == null ? misaligned(call.input(1))
        : products.refusal(layerFactors(call, 0, AlignedProducts.NOTHING, 0L, AlignedProducts.ALONE));
  }

  private static int perChunk(Tensor t) {
    return CHUNK / t.dtype().byteSize();
  }

  private static String misaligned(Tensor t) {
    return "copies 16 bytes at a time, and the lines of " + t.layout() + " do not start at multiples of that";
  }

  /** The last two dimensions of an operand, the depth being the first of them or the last; null if its lines are not aligned. */
  private static Side side(Tensor t, boolean depthFirst) {
    boolean lastIsLine = t.layout().stride(-1) == 1 && t.layout().stride(-2) % perChunk(t) == 0;
    boolean firstIsLine = t.layout().stride(-2) == 1 && t.layout().stride(-1) % perChunk(t) == 0;
    if (Launcher.address(t) % CHUNK != 0 || !lastIsLine && !firstIsLine) {
      return null;
    }
    return new Side(t, lastIsLine != depthFirst, (int) t.layout().stride(lastIsLine ? -2 : -1));
  }

  /** How the last two dimensions of an operand lie when they are packed at {@code address}, so that lines are aligned. */
  private static Side packed(Tensor t, boolean depthFirst, long address) {
    boolean lastIsLine = t.layout().stride(-2) != 1;
    return new Side(address, lastIsLine != depthFirst, AlignedProducts.roundUp((int) t.dim(lastIsLine ? -1 : -2), perChunk(t)));
  }

  /** The last two dimensions of an operand: where they are, or packed where their lines are not aligned, as those of a low rank. */
  private Side aligned(Call call, Operands in, Tensor t, boolean depthFirst) {
    Side there = side(t, depthFirst);
    if (there != null) {
      return there;
    }
    Side packed = packed(t, depthFirst, 0);
    int line = packed.along() != depthFirst ? -1 : -2;
    int across = -3 - line;
    int rows = (int) t.dim(across);
    int columns = (int) t.dim(line);
    long at = pack(call, in, t, new int[] {
        rows, packed.line(), rows, packed.line(), rows, columns, (int) t.layout().stride(across), (int) t.layout().stride(line)});
    return new Side(at, packed.along(), packed.line());
  }

  private static Factors matMulFactors(Call call, Side a, Side b) {
    int k = (int) call.input(0).dim(-1);
    int m = (int) call.input(0).dim(-2);
    int n = (int) call.input(1).dim(-1);
    return new Factors(ElementwiseKernels.real(call), GemmKernels.batch(call), m, n, k, a, b, AlignedProducts.NOTHING, 0L,
        AlignedProducts.ALONE);
  }

  private static Factors layerFactors(Call call, long x, Second second, Object bias, After after) {
    Tensor w = call.input(1);
    int n = (int) w.dim(0);
    int k = (int) w.dim(1);
    return new Factors(ElementwiseKernels.real(call), GemmKernels.SINGLE, (int) (call.output(0).size() / Math.max(1, n)), n, k,
        new Side(x, true, k), side(w, false), second, bias, after);
  }

  private void matMul(Call call) {
    try (Operands in = launcher.operands(call)) {
      products.multiply(call, in, matMulFactors(call, aligned(call, in, call.input(0), false), aligned(call, in, call.input(1), true)));
    }
  }

  private void linear(Call call, After after) {
    try (Operands in = launcher.operands(call)) {
      Object bias = ((Linear) call.op()).bias() ? in.contiguous(2) : Long.valueOf(0);
      products.multiply(call, in, layerFactors(call, in.aligned(0), AlignedProducts.NOTHING, bias, after));
    }
  }

  private void loraLinear(Call call, After after) {
    try (Operands in = launcher.operands(call)) {
      LoraLinear op = (LoraLinear) call.op();
      int lora = op.bias() ? 3 : 2;
      long x = in.aligned(0);
      Second second = call.input(lora).dim(1) == 0 ? AlignedProducts.NOTHING
          : lowRank(call, in, x, call.input(lora), call.input(lora + 1), op.scale());
      products.multiply(call, in, layerFactors(call, x, second, op.bias() ? in.contiguous(2) : Long.valueOf(0), after));
    }
  }

  /** {@code scale·x·down} and {@code up} as a second product, whose depth is the rank, rounded up; in BF16 twice that. */
  private Second lowRank(Call call, Operands in, long x, Tensor down, Tensor up, double scale) {
    DType dtype = down.dtype();
    int bytes = dtype.byteSize();
    int k = (int) down.dim(0);
    int rank = (int) down.dim(1);
    int n = (int) up.dim(1);
    int rows = (int) (call.output(0).size() / n);
    int depth = AlignedProducts.roundUp(rank, 16);
    int wide = dtype == DType.BF16 ? 2 * depth : depth;
    int[] lines = {rank, k, rank, k, rank, k, (int) down.layout().stride(1), (int) down.layout().stride(0)};
    long packedDown = pack(call, in, down, lines);
    long low = in.scratch((long) rows * wide * bytes);
    Optional<AlignedProducts.Sums> sums = products.narrow(call, in, new Factors(dtype, GemmKernels.SINGLE, rows, rank, k,
        new Side(x, true, k), new Side(packedDown, true, k), AlignedProducts.NOTHING, 0L, AlignedProducts.ALONE));
    if (sums.isPresent()) {
      launcher.launch(call, Launcher.Entry.of(TEXT, "sumLow", dtype), Grid.over((long) rows * depth, 1), rows, rank,
          sums.get().parts(), sums.get().at(), scale, depth, low, call.output(1));
    } else {
      launcher.launch(call, Launcher.Entry.of(TEXT, "tensorLow", dtype),
          new Grid((rows + 63) / 64, depth / 16, 1, THREADS, STAGES * SLICE * (64 + 16)), new int[] {rows, rank, 1},
          new int[] {k, k, k}, x, packedDown, scale, depth, low, call.output(1));
    }
    int rankStep = (int) up.layout().stride(0);
    int columnStep = (int) up.layout().stride(1);
    if (side(call.input(1), false).along()) {
      return new Second(wide, wide, wide, low, pack(call, in, up, new int[] {n, wide, n, depth, n, rank, columnStep, rankStep}));
    }
    int width = AlignedProducts.roundUp(n, CHUNK / bytes);
    return new Second(wide, wide, width, low, pack(call, in, up, new int[] {wide, width, depth, width, rank, n, rankStep, columnStep}));
  }

  /** Where a matrix lies packed; {@code packing} is the text's structure of that name. */
  private long pack(Call call, Operands in, Tensor x, int[] packing) {
    long size = (long) packing[0] * packing[1];
    long y = in.scratch(size * x.dtype().byteSize());
    launcher.launch(call, Launcher.Entry.of(TEXT, "pack", x.dtype()), Grid.over(size, 1), packing, x, y);
    return y;
  }

  /** Adds up what {@code parts} parts of the depth came to, if there are several. */
  static void sumParts(Launcher launcher, Call call, Factors f, int parts, long partial) {
    if (parts > 1) {
      int size = (int) call.output(0).size();
      launcher.launch(call, Launcher.Entry.of(TEXT, "sumParts", f.dtype()), Grid.over(size, 1), size, new int[] {f.m(), f.n(), parts},
          partial, f.bias(), f.after().gelu() ? 1 : 0, f.after().residual(), call.output(0));
    }
  }
}
