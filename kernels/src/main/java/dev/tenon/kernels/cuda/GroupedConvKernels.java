package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Conv2dGradWeight;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Window2d;
import dev.tenon.kernels.gpu.Convolution;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import java.util.List;
import java.util.function.Consumer;

/**
 * Launches the texts {@code grouped} and {@code groupedweight}: convolutions on tensor cores, and their gradients.
 *
 * @param tf32 whether products of F32 may round their operands to tf32
 */
record GroupedConvKernels(Launcher launcher, int multiprocessors, int sharedLimit, boolean tf32) {
  private static final String TEXT = "grouped";
  private static final String GRADIENT_TEXT = "groupedweight";
  private static final double COST = 0.25;
  /** Channels of a group that make it worth it: fewer are filled up with zeros to an entry of 16 bytes. */
  private static final int LEAST_CHANNELS = 8;
  private static final int MOST_IN_GRID = 65535;
  /** Warps of a block at most; of four tiles of filters, as many as leave registers for a second block on a multiprocessor. */
  private static final int WARPS = 7;
  private static final int WIDE_WARPS = 6;
  /** Those of the gradient of the weight. */
  private static final int GRADIENT_WARPS = 8;
  private static final int ENTRY = 16;
  /** What the text calls UNIT: pixels of a warp. */
  private static final int UNIT = 64;
  /** Entries of a group's channels that a block takes at a time. */
  private static final int ENTRIES = 4;
  /** Shared memory that leaves room for two blocks on a multiprocessor. */
  private static final int SHARED = 112 << 10;
  /** Bytes of pixels that are multiplied at a time for the gradient of the weight. */
  private static final int STEP = 32;
  private static final int BLOCKS_EACH = 2;

  List<Kernel> all() {
    return List.of(kernel(Conv2d.class, this::convolve), kernel(Conv2dGradInput.class, this::convolve),
        kernel(Conv2dGradWeight.class, this::gradWeight));
  }

  private Kernel kernel(Class<? extends Op> op, Consumer<Call> run) {
    return new OpKernel("grouped", op, COST, this::refusal, run);
  }

  private String refusal(Call call) {
    String reason = Fit.real(call);
    if (reason != null) {
      return reason;
    }
    DType dtype = call.input(0).dtype();
    if (dtype != DType.BF16 && !(dtype == DType.F32 && tf32)) {
      return "multiplies BF16, and F32 under precision tf32, and the operands are " + dtype;
    }
    Convolution c = Convolution.of(call);
    if (Math.min(c.depth(), c.filters()) < LEAST_CHANNELS || Math.max(c.groups(), c.filters() / 8) > MOST_IN_GRID) {
      return "takes up to " + MOST_IN_GRID + " groups of at least " + LEAST_CHANNELS + " channels and filters, and here are " + c.depth()
          + " and " + c.filters();
    }
    if (!c.isPadded() || c.to().width() > WARPS * UNIT) {
      return "takes up to " + WARPS * UNIT + " columns, and less padding than the window reaches, and here is " + c;
    }
    long bytes = call.op() instanceof Conv2dGradWeight ? Blocking.leastOf(c, dtype).gradientBytes() : Blocking.leastOf(c, dtype).bytes();
    return bytes <= sharedLimit ? null : "keeps a row's windows in " + sharedLimit + " bytes, and here they take " + bytes;
  }

  /**
   * What a block computes: bands of rows of some images, from {@code entries} of a group's channels at a time, in {@code chunks}, or from
   * all of those of some groups {@code together}.
   *
   * @param tile filters of a block in eights
   */
  private record Blocking(Convolution c, DType dtype, int rows, int images, int entries, int chunks, int together, int tile) {
    static Blocking leastOf(Convolution c, DType dtype) {
      int all = ceil(c.depth(), ENTRY / dtype.byteSize());
      int chunks = ceil(all, ENTRIES);
      int tile = c.filters() <= 8 ? 1 : c.filters() <= 16 ? 2 : 4;
      return new Blocking(c, dtype, 1, 1, ceil(all, chunks), chunks, 1, tile);
    }

    /** As many rows, or images, as warps have pixels for, in bands of one height, as leave room for two blocks on a multiprocessor. */
    static Blocking of(Convolution c, DType dtype, boolean gradient, int sharedLimit) {
      int limit = Math.min(SHARED, sharedLimit);
      Blocking least = gradient ? leastOf(c, dtype) : leastOf(c, dtype).withNeighbours();
      int pixels = UNIT * (gradient || least.tile < 4 ? WARPS : WIDE_WARPS);
      int height = c.to().height();
      int rows = Math.clamp(pixels / c.to().width(), 1, height);
      while (rows > 1 && least.with(rows, 1).bytes(gradient) > limit) {
        rows--;
      }
      rows = ceil(height, ceil(height, rows));
      int images = rows < height ? 1 : Math.clamp(pixels / c.to().pixels(), 1, Math.max(1, c.batch()));
      while (images > 1 && least.with(rows, images).bytes(gradient) > limit) {
        images--;
      }
      Blocking best = least.with(rows, images);
      return best.bytes(gradient) <= sharedLimit ? best : leastOf(c, dtype);
    }

    /** Of groups that fill no chunk as many as do, where their channels fill entries. */
    private Blocking withNeighbours() {
      boolean whole = chunks == 1 && tiles() == 1 && c.depth() % (ENTRY / dtype.byteSize()) == 0;
      int most = 1;
      while (whole && 2 * most * entries <= ENTRIES && c.groups() % (2 * most) == 0) {
        most *= 2;
      }
      return new Blocking(c, dtype, rows, images, entries, chunks, most, tile);
    }

    private Blocking with(int rows, int images) {
      return new Blocking(c, dtype, rows, images, entries, chunks, together, tile);
    }

    /** Of up to {@code most} blocks that share all bands, as many as leave none with less to do than it must have. */
    int sharing(int most) {
      int bands = Math.max(1, bands());
      return ceil(bands, ceil(bands, Math.clamp(most, 1, bands)));
    }

    int bands() {
      return ceil(c.batch(), images) * ceil(c.to().height(), rows);
    }

    int tiles() {
      return ceil(c.filters(), tile * 8);
    }

    /** Two entries a step. */
    private int steps() {
      return ceil(c.taps() * entries, 2);
    }

    int warps() {
      return ceil(images * rows * c.to().width(), UNIT);
    }

    /** What a lane multiplies by, 8 bytes a step and eight filters. */
    long packedPairs() {
      return (long) c.groups() * tiles() * chunks * steps() * tile * 32;
    }

    private long lines() {
      return (rows - 1L) * c.window().strideH() + (c.window().kernelH() - 1L) * c.window().dilationH() + 1;
    }

    private long tileBytes() {
      Window2d w = c.window();
      long width = (w.padW() & 1) + (c.to().width() - 1) * w.strideW() + (w.kernelW() - 1L) * w.dilationW() + 1;
      return entries * together * images * lines() * (width + (width & 1)) * ENTRY;
    }

    private long bytes(boolean gradient) {
      return gradient ? gradientBytes() : bytes();
    }

    /** The rows that a band reads, as they lie in memory, copied ahead of time. */
    private long stageBytes() {
      long rows = Math.min(c.from().height(), (lines() + c.spreadH() - 1) / c.spreadH());
      long pitch = (rows * c.from().width() * dtype.byteSize() + ENTRY - 1) / ENTRY * ENTRY + ENTRY;
      return images * pitch * Math.min(c.depth(), entries * (ENTRY / dtype.byteSize())) * together;
    }

    /** With the weights, and where the entries of each tap lie. */
    long bytes() {
      return tileBytes() + stageBytes() + together * steps() * tile * 256L + ceil(steps() * 8, ENTRY) * ENTRY;
    }

    /** With the gradients of the result of this band and the next, and where each of their pixels reads; or what is summed up at last. */
    long gradientBytes() {
      int step = STEP / dtype.byteSize();
      long steps = (long) ceil(rows * c.to().width(), step) * images;
      return Math.max(tileBytes() + stageBytes() + steps * step * 4 + 2L * tile * 8 * (steps * STEP + ENTRY),
          across() * matricesOfWarp() * tile * 512L);
    }

    /** Tiles of 16 channels of taps. */
    int matrices() {
      return ceil(c.taps() * entries, dtype.byteSize());
    }

    /** The text's M. */
    private int matricesOfWarp() {
      return dtype == DType.BF16 ? 5 : 3;
    }

    /** Warps of a block beside each other along them, and blocks. */
    int across() {
      return Math.min(GRADIENT_WARPS, ceil(matrices(), matricesOfWarp()));
    }

    int columns() {
      return chunks * tiles() * ceil(matrices(), across() * matricesOfWarp());
    }

    long weightQuads() {
      return (long) c.groups() * tiles() * chunks * matrices() * tile * 32;
    }

    int[] ints() {
      return new int[] {rows, images, entries, chunks, together};
    }
  }

  private static int ceil(int x, int by) {
    return (x + by - 1) / by;
  }

  private void convolve(Call call) {
    Convolution c = Convolution.of(call);
    DType dtype = call.input(0).dtype();
    Blocking b = Blocking.of(c, dtype, false, sharedLimit);
    int teams = c.groups() / b.together;
    boolean turned = call.op() instanceof Conv2dGradInput;
    try (Operands in = launcher.operands(call)) {
      long packed = in.scratch(b.packedPairs() * 8);
      launcher.launch(call, Launcher.Entry.of(TEXT, "packWeights" + b.tile, dtype), Grid.over(b.packedPairs(), 1), c.ints(), b.ints(),
          turned ? 1 : 0, in.contiguous(1), packed);
      Object bias = call.op() instanceof Conv2d op && op.bias() ? in.contiguous(2) : Long.valueOf(0);
      launcher.launch(call, Launcher.Entry.of(TEXT, "grouped" + b.tile, dtype),
          new Grid(b.sharing(BLOCKS_EACH * multiprocessors / (b.tiles() * teams)), b.tiles(), teams, b.warps() * 32, (int) b.bytes()),
          c.ints(), b.ints(), in.aligned(0), packed, bias, call.output(0));
    }
  }

  private void gradWeight(Call call) {
    Convolution c = Convolution.of(call);
    Tensor weight = call.output(0);
    Blocking b = Blocking.of(c, weight.dtype(), true, sharedLimit);
    int parts = b.sharing(BLOCKS_EACH * multiprocessors / (b.columns() * c.groups()));
    int threads = GRADIENT_WARPS / b.across() * b.across() * 32;
    try (Operands in = launcher.operands(call)) {
      long partial = in.scratch(parts * b.weightQuads() * 16);
      launcher.launch(call, Launcher.Entry.of(GRADIENT_TEXT, "groupedGradWeight" + b.tile, weight.dtype()),
          new Grid(b.columns(), c.groups(), parts, threads, (int) b.gradientBytes()), c.ints(), b.ints(), b.across(), in.aligned(0),
          in.aligned(1), partial);
      launcher.launch(call, Launcher.Entry.of(GRADIENT_TEXT, "sumWeights" + b.tile, weight.dtype()), Grid.over(b.weightQuads(), 1),
          c.ints(), b.ints(), parts, partial, weight);
    }
  }
}
