package dev.tenon.kernels.gpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.ArgMax;
import dev.tenon.engine.op.CrossEntropy;
import dev.tenon.engine.op.CrossEntropyGrad;
import dev.tenon.engine.op.CumSum;
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.LayerNormGrad;
import dev.tenon.engine.op.LogSoftmax;
import dev.tenon.engine.op.LogSoftmaxGrad;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Softmax;
import dev.tenon.engine.op.SoftmaxGrad;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * Launches the text {@code rows}, and {@code held} where warps can keep short rows in registers: what works on each line along one
 * dimension by itself.
 */
public record RowKernels(Launcher launcher, Faults faults, ReduceKernels reductions) {
  private static final String TEXT = "rows";
  /** Where warps keep short rows in registers. */
  private static final String HELD = "held";
  private static final int THREADS = 128;
  /** Elements of a line that is too short for a block. */
  private static final int MOST_OF_WARP = 512;
  /** Elements of a row that a warp keeps at most, and steps of that; chunks of rows, and columns of a block that sums over them. */
  private static final int MOST_KEPT = 1024;
  private static final int KEPT_STEP = 256;
  private static final int MOST_CHUNKS = 512;
  private static final int SUMMED = 16;
  /** Bytes that are read at once. */
  private static final int PACK = 16;
  private static final long NONE = 0;

  public List<Kernel> all() {
    return List.of(
        kernel(Softmax.class, c -> along(c, "softmax", ((Softmax) c.op()).axis())),
        kernel(SoftmaxGrad.class, c -> along(c, "softmaxGrad", ((SoftmaxGrad) c.op()).axis())),
        kernel(LogSoftmax.class, c -> along(c, "logSoftmax", ((LogSoftmax) c.op()).axis())),
        kernel(LogSoftmaxGrad.class, c -> along(c, "logSoftmaxGrad", ((LogSoftmaxGrad) c.op()).axis())),
        kernel(CumSum.class, this::cumSum),
        new OpKernel("rows", ArgMax.class, RowKernels::argMaxRefusal, this::argMax),
        kernel(CrossEntropy.class, this::crossEntropy),
        kernel(CrossEntropyGrad.class, this::crossEntropyGrad),
        kernel(LayerNorm.class, this::layerNorm),
        kernel(LayerNormGrad.class, this::layerNormGrad));
  }

  private static Kernel kernel(Class<? extends Op> op, Consumer<Call> run) {
    return new OpKernel("rows", op, Fit::real, run);
  }

  private static String argMaxRefusal(Call call) {
    return call.input(0).dtype().isFloating() ? Fit.real(call) : "compares real numbers, and the operand is " + call.input(0).dtype();
  }

  /** The kernel and grid for {@code lines}: a block or a warp each where their elements are neighbors, else a thread each. */
  private void launch(Call call, String name, Lines lines, Object... arguments) {
    boolean together = launcher.hasTeams() && lines.inner() == 1 && lines.length() > 1;
    boolean warp = together && launcher.warp() > 1 && lines.length() <= MOST_OF_WARP;
    String team = warp ? "warp" : together ? "block" : "thread";
    int linesOfBlock = warp ? THREADS / launcher.warp() : 1;
    Grid grid = together
        ? Grid.of((lines.count() + linesOfBlock - 1) / linesOfBlock, warp || lines.length() > 32 ? THREADS : 32)
        : Grid.each(lines.count());
    Object[] all = new Object[arguments.length + 1];
    all[0] = lines.pack();
    System.arraycopy(arguments, 0, all, 1, arguments.length);
    String text = warp && !name.startsWith("cross") ? HELD : TEXT;
    launcher.launch(call, Launcher.Entry.of(text, name, ElementwiseKernels.real(call)).by(team), grid, all);
  }

  private static Launcher.Entry entry(String name, String team, Call call) {
    return Launcher.Entry.of(TEXT, name, ElementwiseKernels.real(call)).by(team);
  }

  private void along(Call call, String name, int axis) {
    try (Operands in = launcher.operands(call)) {
      Object[] arguments = new Object[call.inputs().size() + 1];
      for (int i = 0; i < call.inputs().size(); i++) {
        arguments[i] = in.contiguous(i);
      }
      arguments[call.inputs().size()] = call.output(0);
      launch(call, name, Lines.of(call.output(0).shape(), axis), arguments);
    }
  }

  private void cumSum(Call call) {
    try (Operands in = launcher.operands(call)) {
      CumSum op = (CumSum) call.op();
      Lines lines = Lines.of(call.output(0).shape(), op.axis());
      launcher.launch(call, entry("cumSum", "thread", call), Grid.each(lines.count()),
          lines.pack(), in.contiguous(0), call.output(0), op.reverse() ? 1 : 0);
    }
  }

  private void argMax(Call call) {
    try (Operands in = launcher.operands(call)) {
      Lines lines = Lines.of(call.input(0).shape(), ((ArgMax) call.op()).axis());
      launcher.launch(call, entry("argMax", "thread", call), Grid.each(lines.count()),
          lines.pack(), in.contiguous(0), call.output(0));
    }
  }

  private void crossEntropy(Call call) {
    try (Operands in = launcher.operands(call)) {
      CrossEntropy op = (CrossEntropy) call.op();
      launch(call, "crossEntropy", Lines.of(call.input(0).shape(), 1), in.contiguous(0), in.contiguous(1),
          op.weighted() ? in.contiguous(2) : NONE, call.output(0), op.labelSmoothing(), new Launcher.Whole(op.ignoreIndex()),
          faults.number(op), faults.address());
    }
  }

  private void crossEntropyGrad(Call call) {
    try (Operands in = launcher.operands(call)) {
      CrossEntropy op = ((CrossEntropyGrad) call.op()).loss();
      launch(call, "crossEntropyGrad", Lines.of(call.input(0).shape(), 1), in.contiguous(0), in.contiguous(1),
          op.weighted() ? in.contiguous(2) : NONE, in.contiguous(op.weighted() ? 3 : 2), call.output(0), op.labelSmoothing(),
          new Launcher.Whole(op.ignoreIndex()), faults.number(call.op()), faults.address());
    }
  }

  private void layerNorm(Call call) {
    try (Operands in = launcher.operands(call)) {
      LayerNorm op = (LayerNorm) call.op();
      Tensor mean = call.output(1);
      int rows = (int) mean.size();
      int n = rows == 0 ? 0 : (int) (call.input(0).size() / rows);
      long x = in.contiguous(0);
      long weight = op.affine() ? in.contiguous(1) : NONE;
      long bias = op.affine() ? in.contiguous(2) : NONE;
      if (isKept(mean.dtype(), rows, n, x, weight, bias, Launcher.address(call.output(0)))) {
        int together = THREADS / launcher.warp();
        launcher.launch(call, kept("layerNormKept", n, mean.dtype()), Grid.of((rows + together - 1) / together, THREADS), rows, n, x,
            weight, bias, call.output(0), mean, call.output(2), op.eps());
        return;
      }
      launcher.launch(call, Launcher.Entry.of(TEXT, "layerNorm", mean.dtype()), Grid.of(rows, THREADS), n, x, weight, bias, call.output(0),
          mean, call.output(2), op.eps());
    }
  }

  private void layerNormGrad(Call call) {
    try (Operands in = launcher.operands(call)) {
      boolean affine = ((LayerNormGrad) call.op()).affine();
      int rows = (int) call.input(2).size();
      int n = rows == 0 ? (int) call.output(1).size() : (int) (call.input(1).size() / rows);
      DType dtype = call.input(1).dtype();
      long g = in.contiguous(0);
      long x = in.contiguous(1);
      long mean = in.contiguous(2);
      long rstd = in.contiguous(3);
      long weight = affine ? in.contiguous(4) : NONE;
      if (affine && isKept(dtype, rows, n, g, x, weight, Launcher.address(call.output(0)))) {
        int chunk = Math.max(THREADS / launcher.warp(), (rows + MOST_CHUNKS - 1) / MOST_CHUNKS);
        int chunks = (rows + chunk - 1) / chunk;
        long parts = in.scratch(2L * chunks * n * Float.BYTES);
        launcher.launch(call, kept("layerNormGradKept", n, dtype), Grid.of(chunks, THREADS), rows, n, chunk, g, x,
            mean, rstd, weight, call.output(0), parts);
        launcher.launch(call, Launcher.Entry.of(HELD, "layerNormGradSums", dtype), Grid.of((2L * n + SUMMED - 1) / SUMMED, 256), n, chunks,
            parts, call.output(1), call.output(2));
        return;
      }
      launcher.launch(call, Launcher.Entry.of(TEXT, "layerNormGrad", dtype), Grid.of(rows, THREADS), n, g, x, mean, rstd, weight,
          call.output(0));
      if (affine) {
        reductions.pairs(call, in, rows, n, (chunk, chunks, parts) -> launcher.launch(call,
            Launcher.Entry.of(TEXT, "layerNormGradParts", dtype), new Grid((n + THREADS - 1) / THREADS, chunks, 1, THREADS), rows, n, chunk,
            g, x, mean, rstd, parts));
      }
    }
  }

  /** The kernel for lanes that keep as few elements of a row as do. */
  private Launcher.Entry kept(String name, int n, DType dtype) {
    return Launcher.Entry.of(HELD, name + (n + KEPT_STEP - 1) / KEPT_STEP * KEPT_STEP / launcher.warp(), dtype);
  }

  /** Whether warps of the GPU can keep rows in registers, which they read once, 16 bytes at a time. */
  private boolean isKept(DType dtype, int rows, int n, long... addresses) {
    return launcher.warp() > 1 && dtype != DType.F64 && rows > 0 && n > 0 && n <= MOST_KEPT && n % (PACK / dtype.byteSize()) == 0
        && Arrays.stream(addresses).allMatch(a -> a % PACK == 0);
  }
}
