package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LoraLinear;
import dev.tenon.engine.op.MatMul;
import dev.tenon.kernels.gpu.ElementwiseKernels;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.GemmKernels;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import dev.tenon.kernels.gpu.Products;
import dev.tenon.kernels.gpu.Walk;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Launches the text {@code split.cu}: large products of F32 to the accuracy of F32, on tensor cores that multiply BF16. Where an element
 * is infinite, results are NaN that would be infinite otherwise.
 *
 * @param plain products for what is small
 */
record SplitKernels(Driver driver, Launcher launcher, Products plain, int multiprocessors) {
  private static final String TEXT = "split";
  /** Between products that round their operands and those without tensor cores. */
  private static final double COST = 0.75;
  /** What the text calls by these names. */
  private static final int TILE = 128;
  private static final int PARTS = 3;
  private static final int LINES = 64;
  private static final int DEPTH = 64;
  private static final int SHARED_BYTES = 2 * 2 * PARTS * TILE * TensorMap.ROW;
  private static final int BARRIERS = 64;
  /** Elements of a line that one thread of the kernel {@code split} takes. */
  private static final int CHUNK = 8;
  /** Products that repay splitting their operands have so many terms, and m·n ÷ (m + n) is so large. */
  private static final long LEAST_TERMS = 1L << 26;
  private static final long LEAST_USES = 96;

  private static final int LEAST_SLICES = 4;
  private static final int MOST_PARTS = 16;
  /** In times of a slice: to add parts up at all, and an element of each part. */
  private static final double PART_COST = 3;
  private static final double SUM_COST = 1.6e-6;
  /** What the parts of the rows of a may take at a time. */
  private static final long MOST_BYTES = 256L << 20;
  private static final Side NOTHING = new Side(0, true, 0, 0, 0, 0, 0, 0);

  /**
   * An operand: where it is, whether its lines run along the depth, its matrices and the lines of each.
   *
   * @param matrixStep elements from one matrix to the next
   * @param step elements from one line to the next
   * @param each elements from one element of a line to the next
   */
  private record Side(long at, boolean along, int matrices, int matrixStep, int lines, int length, int step, int each) {
    int packed() {
      return AlignedProducts.roundUp(length, CHUNK);
    }

    /** Of a matrix that is packed. */
    long elements() {
      return (long) lines * packed();
    }

    /** Of all parts. */
    long bytes() {
      return PARTS * matrices * elements() * DType.BF16.byteSize();
    }

    int[] pack() {
      return new int[] {lines, length, step, each, matrixStep, packed()};
    }

    /** Rows from {@code first} on of a left operand with one matrix. */
    Side rows(int first, int rows) {
      long there = at + (long) first * (along ? step : each) * Float.BYTES;
      return new Side(there, along, matrices, matrixStep, along ? rows : lines, along ? length : rows, step, each);
    }
  }

  /** {@code batch} products of a [m, k] and b [k, n], and one of a2 and b2, which lie alike, into the same sums. */
  private record Factors(int m, int n, int k, int batch, Side a, Side b, int k2, Side a2, Side b2) {
    Factors(int m, int n, int k, int batch, Side a, Side b) {
      this(m, n, k, batch, a, b, 0, NOTHING, NOTHING);
    }

    int slices() {
      return (k + DEPTH - 1) / DEPTH + (k2 + DEPTH - 1) / DEPTH;
    }

    /** How many rows to take at a time, a multiple of the rows of a tile, unless all. */
    int together() {
      long most = MOST_BYTES / Math.max(1, PARTS * (long) (k + k2) * DType.BF16.byteSize());
      long chunks = (m + most - 1) / Math.max(1, most);
      if (batch > 1 || chunks <= 1) {
        return m;
      }
      return AlignedProducts.roundUp((int) ((m + chunks - 1) / chunks), TILE);
    }
  }

  List<Kernel> all() {
    return List.of(new OpKernel("split", MatMul.class, COST, this::matMulRefusal, this::matMul),
        new OpKernel("split", Linear.class, COST, this::linearRefusal, this::linear),
        new OpKernel("split", LoraLinear.class, COST, this::linearRefusal, this::loraLinear));
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
    return new Side(Launcher.address(t), lastIsLine != depthFirst, step == 0 ? 1 : (int) batch.size(), (int) step, (int) t.dim(across),
        (int) t.dim(line), (int) t.layout().stride(across), 1);
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
      multiply(call, in, layer(call, in.contiguous(0), 0, NOTHING, NOTHING), bias);
    }
  }

  private void loraLinear(Call call) {
    try (Operands in = launcher.operands(call)) {
      LoraLinear op = (LoraLinear) call.op();
      Tensor down = call.input(op.bias() ? 3 : 2);
      Tensor up = call.input(op.bias() ? 4 : 3);
      int n = (int) up.dim(1);
      int k = (int) down.dim(0);
      int rank = (int) down.dim(1);
      int m = (int) (call.output(0).size() / n);
      long x = in.contiguous(0);
      long low = Launcher.address(call.output(1));
      if (rank > 0) {
        plain.low(call, DType.F32, m, rank,
            new Products.Factors(k, k, 1, (int) down.layout().stride(0), (int) down.layout().stride(1), x, down), op.scale(), low);
      }
      int rankStep = (int) up.layout().stride(0);
      int columnStep = (int) up.layout().stride(1);
      boolean along = side(call.input(1), false, GemmKernels.SINGLE, 0).along();
      Side upSide = along ? new Side(Launcher.address(up), true, 1, 0, n, rank, columnStep, rankStep)
          : new Side(Launcher.address(up), false, 1, 0, rank, n, rankStep, columnStep);
      Object bias = op.bias() ? in.contiguous(2) : Long.valueOf(0);
      multiply(call, in, layer(call, x, rank, new Side(low, true, 1, 0, m, rank, rank, 1), upSide), bias);
    }
  }

  /** {@code x·wᵀ} with contiguous x, and what a second product adds to it. */
  private static Factors layer(Call call, long x, int k2, Side a2, Side b2) {
    Tensor w = call.input(1);
    int n = (int) w.dim(0);
    int k = (int) w.dim(1);
    int m = (int) (call.output(0).size() / n);
    return new Factors(m, n, k, 1, new Side(x, true, 1, 0, m, k, k, 1), side(w, false, GemmKernels.SINGLE, 0), k2, a2, b2);
  }

  private void multiply(Call call, Operands in, Factors f, Object bias) {
    int together = f.together();
    int parts = together < f.m() ? 1 : parts(f.m(), f.n(), f.batch(), f.slices());
    long partial = parts == 1 ? 0 : in.scratch((long) parts * f.batch() * f.m() * f.n() * Float.BYTES);
    long c = Launcher.address(call.output(0));
    String name = TEXT + (f.a().along() ? "k" : "m") + (f.b().along() ? "k" : "n");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment maps = arena.allocate(4L * TensorMap.BYTES, TensorMap.ALIGNMENT);
      split(call, f.b(), in.scratch(f.b().bytes()), maps, 1);
      split(call, f.b2(), in.scratch(f.b2().bytes()), maps, 3);
      long partsOfA = in.scratch(f.a().rows(0, together).bytes());
      long partsOfA2 = in.scratch(f.a2().rows(0, together).bytes());
      for (int first = 0; first < f.m(); first += together) {
        int rows = Math.min(together, f.m() - first);
        split(call, f.a().rows(first, rows), partsOfA, maps, 0);
        split(call, f.a2().rows(first, rows), partsOfA2, maps, 2);
        long tiles = AlignedProducts.tiles(rows, f.n(), TILE, TILE) * f.batch() * parts;
        launcher.launch(call, Launcher.Entry.of(TEXT, name, DType.F32),
            new Grid((int) Math.min(tiles, multiprocessors), 1, 1, 384, SHARED_BYTES + BARRIERS), maps,
            new int[] {rows, f.n(), f.batch(), f.k(), f.k2(), f.a().matrices(), f.b().matrices(), parts, (f.slices() + parts - 1) / parts},
            parts == 1 ? bias : 0L, parts == 1 ? c + (long) first * f.n() * Float.BYTES : partial);
      }
      if (parts > 1) {
        Grid each = Grid.each((long) f.m() * f.n());
        launcher.launch(call, Launcher.Entry.of(TEXT, "sum", DType.F32), new Grid(each.x(), f.batch(), 1, each.threads()), f.m() * f.n(),
            f.n(), parts, partial, bias, c);
      }
    }
  }

  /** Into how many parts a depth is cut: as many as let blocks fill the GPU for as little time as possible, sums of parts included. */
  int parts(int m, int n, int batch, int slices) {
    long tiles = AlignedProducts.tiles(m, n, TILE, TILE) * batch;
    double sum = SUM_COST * m * n * batch;
    int best = 1;
    double least = Double.POSITIVE_INFINITY;
    for (int parts = 1; parts <= Math.clamp(slices / LEAST_SLICES, 1, MOST_PARTS); parts++) {
      int each = (slices + parts - 1) / parts;
      double time = (double) ((tiles * parts + multiprocessors - 1) / multiprocessors) * each + (parts == 1 ? 0 : PART_COST + parts * sum);
      if ((parts - 1) * each < slices && time < least) {
        least = time;
        best = parts;
      }
    }
    return best;
  }

  /** Starts splitting an operand to {@code parts}, if it has elements, and encodes map {@code i} of the text's structure {@code Maps}. */
  private void split(Call call, Side side, long parts, MemorySegment maps, int i) {
    if (side.elements() == 0) {
      return;
    }
    Grid each = Grid.each(side.elements() / CHUNK);
    launcher.launch(call, Launcher.Entry.of(TEXT, "split", DType.F32), new Grid(each.x(), side.matrices(), 1, each.threads()), side.pack(),
        side.at(), parts);
    driver.encode(maps.asSlice((long) i * TensorMap.BYTES, TensorMap.BYTES),
        new TensorMap(TensorMap.Element.BF16, new long[] {side.length(), side.lines(), (long) PARTS * side.matrices()},
            new long[] {side.packed(), side.elements()}, new int[] {LINES, 1}), parts);
  }
}
