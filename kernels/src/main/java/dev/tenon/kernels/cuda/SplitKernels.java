package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.MatMul;
import dev.tenon.kernels.gpu.ElementwiseKernels;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.GemmKernels;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import dev.tenon.kernels.gpu.Walk;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Launches the text {@code split.cu}: large products of F32 to the accuracy of F32, on tensor cores that multiply BF16. Where an element
 * is infinite, results are NaN that would be infinite otherwise.
 */
record SplitKernels(Driver driver, Launcher launcher, int multiprocessors) {
  private static final String TEXT = "split";
  /** Between products that round their operands and those without tensor cores. */
  private static final double COST = 0.75;
  /** What the text calls by these names. */
  private static final int TILE = 128;
  private static final int PARTS = 3;
  private static final int LINES = 64;
  private static final int SHARED_BYTES = 2 * 2 * PARTS * TILE * TensorMap.ROW;
  private static final int BARRIERS = 64;
  /** Elements of a line that one thread of the kernel {@code split} takes. */
  private static final int CHUNK = 8;
  /** Products that repay splitting their operands have so many terms, and m·n ÷ (m + n) is so large. */
  private static final long LEAST_TERMS = 1L << 26;
  private static final long LEAST_USES = 96;

  /**
   * An operand: where it is, whether its lines run along the depth, its matrices and the lines of each.
   *
   * @param step elements from one line to the next
   * @param matrixStep elements from one matrix to the next
   */
  private record Side(Object at, boolean along, int matrices, int matrixStep, int lines, int length, int step) {
    int packed() {
      return AlignedProducts.roundUp(length, CHUNK);
    }

    int[] pack() {
      return new int[] {lines, length, step, matrixStep, packed()};
    }
  }

  /** {@code batch} products of a [m, k] and b [k, n]. */
  private record Factors(int m, int n, int k, int batch, Side a, Side b) {}

  List<Kernel> all() {
    return List.of(new OpKernel("split", MatMul.class, COST, this::matMulRefusal, this::matMul),
        new OpKernel("split", Linear.class, COST, this::linearRefusal, this::linear));
  }

  private static String refusal(Call call, long m, long n, long k, long batch) {
    if (ElementwiseKernels.real(call) != DType.F32) {
      return "multiplies F32, and the operands are " + ElementwiseKernels.real(call);
    }
    boolean large = batch * m * n >= LEAST_TERMS / Math.max(1, k) && m * n >= LEAST_USES * (m + n);
    return large ? null : "splits the operands of large products, and here are " + batch + " of " + m + " × " + n + ", depth " + k;
  }

  private String matMulRefusal(Call call) {
    String reason = Fit.real(call);
    if (reason != null) {
      return reason;
    }
    Walk batch = GemmKernels.batch(call);
    if (!batch.fits() || batch.dims().length > 1) {
      return "takes batches whose matrices are equally far apart";
    }
    Tensor a = call.input(0);
    Tensor b = call.input(1);
    return side(a, false, batch, 0) == null || side(b, true, batch, 1) == null ? "takes matrices of lines"
        : refusal(call, a.dim(-2), b.dim(-1), a.dim(-1), batch.size());
  }

  private String linearRefusal(Call call) {
    String reason = Fit.real(call);
    if (reason != null) {
      return reason;
    }
    Tensor w = call.input(1);
    return side(w, false, GemmKernels.SINGLE, 0) == null ? "takes matrices of lines"
        : refusal(call, call.output(0).size() / Math.max(1, w.dim(0)), w.dim(0), w.dim(1), 1);
  }

  /** The last two dimensions of operand {@code i} of a batch, the depth being the first of them or the last; null if it has no lines. */
  private static Side side(Tensor t, boolean depthFirst, Walk batch, int i) {
    boolean lastIsLine = t.layout().stride(-1) == 1;
    if (!lastIsLine && t.layout().stride(-2) != 1) {
      return null;
    }
    long step = batch.dims().length == 0 ? 0 : batch.strides()[i][0];
    int line = lastIsLine ? -1 : -2;
    int across = lastIsLine ? -2 : -1;
    return new Side(t, lastIsLine != depthFirst, step == 0 ? 1 : (int) batch.size(), (int) step, (int) t.dim(across), (int) t.dim(line),
        (int) t.layout().stride(across));
  }

  private void matMul(Call call) {
    try (Operands in = launcher.operands(call)) {
      Walk batch = GemmKernels.batch(call);
      Tensor a = call.input(0);
      Tensor b = call.input(1);
      multiply(call, in, new Factors((int) a.dim(-2), (int) b.dim(-1), (int) a.dim(-1), (int) batch.size(), side(a, false, batch, 0),
          side(b, true, batch, 1)), 0L);
    }
  }

  private void linear(Call call) {
    try (Operands in = launcher.operands(call)) {
      Object bias = ((Linear) call.op()).bias() ? in.contiguous(2) : Long.valueOf(0);
      Tensor w = call.input(1);
      int n = (int) w.dim(0);
      int k = (int) w.dim(1);
      int m = (int) (call.output(0).size() / n);
      multiply(call, in, new Factors(m, n, k, 1, new Side(in.contiguous(0), true, 1, 0, m, k, k), side(w, false, GemmKernels.SINGLE, 0)),
          bias);
    }
  }

  private void multiply(Call call, Operands in, Factors f, Object bias) {
    long tiles = AlignedProducts.tiles(f.m(), f.n(), TILE, TILE) * f.batch();
    int[] task = {f.m(), f.n(), f.batch(), f.k(), f.a().matrices(), f.b().matrices()};
    String name = TEXT + (f.a().along() ? "k" : "m") + (f.b().along() ? "k" : "n");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment maps = arena.allocate(2L * TensorMap.BYTES, TensorMap.ALIGNMENT);
      split(call, in, f.a(), maps.asSlice(0, TensorMap.BYTES));
      split(call, in, f.b(), maps.asSlice(TensorMap.BYTES, TensorMap.BYTES));
      launcher.launch(call, Launcher.Entry.of(TEXT, name, DType.F32),
          new Grid((int) Math.min(tiles, multiprocessors), 1, 1, 384, SHARED_BYTES + BARRIERS), maps, task, bias, call.output(0));
    }
  }

  /** Starts splitting an operand, and encodes how its parts lie. */
  private void split(Call call, Operands in, Side side, MemorySegment map) {
    long size = (long) side.lines() * side.packed();
    long parts = in.scratch(PARTS * side.matrices() * size * DType.BF16.byteSize());
    Grid each = Grid.each(size / CHUNK);
    launcher.launch(call, Launcher.Entry.of(TEXT, "split", DType.F32), new Grid(each.x(), side.matrices(), 1, each.threads()), side.pack(),
        side.at(), parts);
    driver.encode(map, new TensorMap(TensorMap.Element.BF16, new long[] {side.length(), side.lines(), (long) PARTS * side.matrices()},
        new long[] {side.packed(), size}, new int[] {LINES, 1}), parts);
  }
}
