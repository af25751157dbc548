package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.MatMul;
import dev.tenon.kernels.gpu.ElementwiseKernels;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import dev.tenon.kernels.gpu.Products;
import java.util.List;

/** Launches the text {@code thin}: products of F32 with few rows or columns, as low ranks and routers have them. */
record ThinKernels(Launcher launcher, int multiprocessors) {
  private static final String TEXT = "thin";
  private static final double COST = 0.125;
  /** Rows or columns that a thread keeps sums of. */
  private static final int MOST = 16;
  /** What must be read for each of them, or it is not worth while. */
  private static final long LEAST = 512;
  private static final int FOUR = 4;
  private static final int CHUNK_BYTES = 16;
  private static final int DEPTHS = 64;
  private static final int MOST_PARTS = 128;
  private static final int ACROSS_THREADS = 64;
  private static final int ALONG_THREADS = 256;
  private static final int ROWS_A_BLOCK = 32;

  /** Two matrices [m, k] and [k, n], and their steps in elements; the structure {@code Thin} of the text. */
  private record Matrices(int m, int n, int k, int aAcross, int aAlong, int bAcross, int bAlong) {
    static Matrices of(Tensor a, Tensor b, boolean turned) {
      int along = turned ? -1 : -2;
      int across = turned ? -2 : -1;
      return new Matrices((int) a.dim(-2), (int) b.dim(across), (int) a.dim(-1), (int) a.layout().stride(-2),
          (int) a.layout().stride(-1), (int) b.layout().stride(across), (int) b.layout().stride(along));
    }

    /** Whether it has few rows, and reads lines of four elements of b. */
    boolean runsAcross() {
      return m <= MOST && n > MOST && k >= LEAST && bAcross == 1 && bAlong % FOUR == 0 && n % FOUR == 0;
    }

    /** Whether it has few columns, and reads lines of four elements of a. */
    boolean runsAlong() {
      return n <= MOST && m >= LEAST && aAlong == 1 && aAcross % FOUR == 0 && k % FOUR == 0;
    }

    int[] pack() {
      return new int[] {m, n, k, aAcross, aAlong, bAcross, bAlong};
    }
  }

  List<Kernel> all() {
    return List.of(
        new OpKernel("thin", MatMul.class, COST, call -> refusal(call, false), this::matMul),
        new OpKernel("thin", Linear.class, COST, call -> refusal(call, true), this::linear));
  }

  private static String refusal(Call call, boolean layer) {
    if (ElementwiseKernels.real(call) != DType.F32) {
      return "multiplies F32, and the operands are " + ElementwiseKernels.real(call);
    }
    Tensor a = call.input(0);
    Tensor b = call.input(1);
    boolean single = layer ? !((Linear) call.op()).bias() && a.layout().isContiguous() && a.rank() >= 2 : a.rank() == 2 && b.rank() == 2;
    if (!single) {
      return "multiplies two matrices";
    }
    Matrices matrices = Matrices.of(layer ? rows(a) : a, b, layer);
    boolean aligned = matrices.runsAcross() ? isAligned(b) : matrices.runsAlong() && isAligned(a);
    return aligned ? null : "takes products of at most " + MOST + " rows or columns whose long operand has lines of 16 bytes";
  }

  private static boolean isAligned(Tensor t) {
    return Launcher.address(t) % CHUNK_BYTES == 0;
  }

  private static Tensor rows(Tensor x) {
    return x.rank() == 2 ? x : x.detach().reshape(-1, x.dim(-1));
  }

  private void matMul(Call call) {
    run(call, Matrices.of(call.input(0), call.input(1), false));
  }

  private void linear(Call call) {
    run(call, Matrices.of(rows(call.input(0)), call.input(1), true));
  }

  private void run(Call call, Matrices x) {
    if (x.runsAcross()) {
      across(call, x);
    } else {
      along(call, x, 1, call.input(0), call.input(1), call.output(0));
    }
  }

  private void across(Call call, Matrices x) {
    int columns = (x.n() + FOUR * ACROSS_THREADS - 1) / (FOUR * ACROSS_THREADS);
    int wanted = Math.clamp(8L * multiprocessors / columns, 1, MOST_PARTS);
    int each = Math.max(1, (x.k() + wanted * DEPTHS - 1) / (wanted * DEPTHS)) * DEPTHS;
    int parts = (x.k() + each - 1) / each;
    int size = x.m() * x.n();
    try (Operands in = launcher.operands(call)) {
      long sums = in.scratch((long) parts * size * Float.BYTES);
      launcher.launch(call, Launcher.Entry.of(TEXT, "across" + few(x.m()), DType.F32), new Grid(columns, parts, 1, ACROSS_THREADS),
          x.pack(), each, call.input(0), call.input(1), sums);
      launcher.launch(call, Launcher.Entry.of(TEXT, "sumThin", DType.F32), Grid.over(size, 1), size, parts, sums, call.output(0));
    }
  }

  private void along(Call call, Matrices x, double scale, Object a, Object b, Object y) {
    launcher.launch(call, Launcher.Entry.of(TEXT, "along" + few(x.n()), DType.F32),
        new Grid((x.m() + ROWS_A_BLOCK - 1) / ROWS_A_BLOCK, 1, 1, ALONG_THREADS), x.pack(), scale, a, b, y);
  }

  private static int few(int count) {
    return count <= 4 ? 4 : count <= 8 ? 8 : MOST;
  }

  /** {@code y = scale·x·down}, x in lines of k elements, where it is such a product: whether it is, and was started. */
  boolean low(Call call, DType dtype, int m, int n, Products.Factors f, double scale, Object y) {
    Matrices x = new Matrices(m, n, f.k(), f.aRow(), f.aColumn(), f.bColumn(), f.bRow());
    boolean takes = dtype == DType.F32 && x.runsAlong() && f.a() instanceof Long at && at % CHUNK_BYTES == 0;
    if (takes) {
      along(call, x, scale, f.a(), f.b(), y);
    }
    return takes;
  }
}
