package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
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
import dev.tenon.kernels.gpu.ReduceKernels;
import java.util.List;
import java.util.function.Consumer;

/** Launches the text {@code depthwise}: convolutions of each channel by itself, and their gradients. */
record DepthwiseKernels(Launcher launcher, ReduceKernels reductions, int multiprocessors, int sharedLimit) {
  private static final String TEXT = "depthwise";
  private static final double COST = 0.25;
  /** Threads of a block at most; of the gradient of the weight, always. */
  private static final int THREADS = 256;
  private static final int GRADIENT_THREADS = 128;
  /** Shared memory that leaves room for several blocks on a multiprocessor. */
  private static final int SHARED = 48 << 10;
  private static final int GRADIENT_BLOCKS_EACH = 16;
  private static final int CHUNK = 16;
  private static final int MOST_IN_GRID = 65535;

  List<Kernel> all() {
    return List.of(kernel(Conv2d.class, this::convolve), kernel(Conv2dGradInput.class, this::convolve),
        kernel(Conv2dGradWeight.class, this::gradWeight));
  }

  private Kernel kernel(Class<? extends Op> op, Consumer<Call> run) {
    return new OpKernel("depthwise", op, COST, this::refusal, run);
  }

  private String refusal(Call call) {
    String reason = Fit.real(call);
    if (reason != null) {
      return reason;
    }
    DType dtype = call.input(0).dtype();
    if (dtype != DType.F32 && dtype != DType.BF16) {
      return "computes in F32 and BF16, and the operands are " + dtype;
    }
    Convolution c = Convolution.of(call);
    reason = c.notDepthwise();
    if (reason != null) {
      return reason;
    }
    Tiles tiles = new Tiles(c, dtype);
    long least = Math.max(tiles.bytes(1, tiles.high()), tiles.gradientBytes(1, tiles.high()));
    return least <= sharedLimit ? null : "keeps a band of rows in " + sharedLimit + " bytes, and here it takes " + least;
  }

  /** How a thread's elements tile a plane; the text's R and C. */
  private record Tiles(Convolution c, DType dtype) {
    static final int WIDE = 4;

    int high() {
      return c.window().strideH() == 1 ? 7 : 2;
    }

    int across() {
      return (c.to().width() + WIDE - 1) / WIDE;
    }

    int items(int rows) {
      return across() * (rows / high());
    }

    /** Planes begin where windows of half the kernel's padding are aligned. */
    private long lineBytes() {
      Window2d w = c.window();
      int chunk = CHUNK / dtype.byteSize();
      int margin = 4 - w.kernelW() / 2;
      int left = (w.padW() + margin) % chunk == 4 ? margin + 4 : margin;
      return roundUp(left + (across() * WIDE - 1) * w.strideW() + w.kernelW(), chunk) * (long) dtype.byteSize();
    }

    private long tileBytes(int planes, int rows) {
      return planes * ((rows - 1) * c.window().strideH() + c.window().kernelH()) * lineBytes();
    }

    long bytes(int planes, int rows) {
      return tileBytes(planes, rows) + planes * c.taps() * 4;
    }

    /** With the gradient of the result, or what the block sums up at last. */
    long gradientBytes(int planes, int rows) {
      return Math.max(tileBytes(planes, rows) + (long) planes * rows * roundUp(across() * WIDE * dtype.byteSize(), CHUNK),
          GRADIENT_THREADS / 32 * c.taps() * 4L);
    }

    String suffix() {
      return "" + c.window().kernelH() + c.window().strideH();
    }
  }

  private interface Bytes {
    long of(int planes, int rows);
  }

  /** Rows of a band, and planes or images of a block. */
  private record Blocks(int planes, int rows, int bands) {
    /** Bands as high as {@code limit} bytes let them be, and planes that give each thread something to do. */
    static Blocks of(Tiles tiles, int threads, int most, int limit, Bytes bytes) {
      int all = tiles.c().to().height();
      int rows = roundUp(all, tiles.high());
      while (rows > tiles.high() && bytes.of(1, rows) > limit) {
        rows = roundUp(rows / 2, tiles.high());
      }
      int planes = rows < all ? 1 : Math.clamp(threads / tiles.items(rows), 1, most);
      while (planes > 1 && bytes.of(planes, rows) > limit) {
        planes--;
      }
      return new Blocks(planes, rows, (all + rows - 1) / rows);
    }
  }

  private static int roundUp(int x, int to) {
    return (x + to - 1) / to * to;
  }

  /** How lanes of 16 bytes of columns share a warp, where they can do without shared memory. */
  private record Strips(Convolution c, DType dtype) {
    static final int LANES = 32;
    static final int HIGH = 7;

    boolean fit() {
      Window2d w = c.window();
      boolean same = w.strideH() == 1 && c.spreadH() == 1 && w.padH() == w.kernelH() / 2 && w.padW() == w.kernelW() / 2;
      return same && c.to().width() * dtype.byteSize() % CHUNK == 0 && across() <= LANES;
    }

    int across() {
      return c.to().width() * dtype.byteSize() / CHUNK;
    }

    /** Warps take as many bands of rows as fit. */
    int blocks() {
      int bands = c.batch() * c.to().channels() * ((c.to().height() + HIGH - 1) / HIGH);
      int each = THREADS / LANES * (LANES / across());
      return (bands + each - 1) / each;
    }
  }

  private void convolve(Call call) {
    Convolution c = Convolution.of(call);
    DType dtype = call.input(0).dtype();
    int turned = call.op() instanceof Conv2dGradInput ? 1 : 0;
    Tiles tiles = new Tiles(c, dtype);
    Strips strips = new Strips(c, dtype);
    try (Operands in = launcher.operands(call)) {
      Object bias = call.op() instanceof Conv2d op && op.bias() ? in.contiguous(2) : Long.valueOf(0);
      if (strips.fit() && Launcher.address(call.output(0)) % CHUNK == 0) {
        launcher.launch(call, Launcher.Entry.of(TEXT, "depthwiseStrips" + c.window().kernelH(), dtype), Grid.of(strips.blocks(), THREADS),
            c.ints(), turned, in.aligned(0), in.contiguous(1), bias, call.output(0));
        return;
      }
      int all = c.batch() * c.from().channels();
      Blocks blocks = Blocks.of(tiles, THREADS, all, SHARED, tiles::bytes);
      int threads = Math.min(THREADS, roundUp(blocks.planes * tiles.items(blocks.rows), 32));
      Grid grid = new Grid((all + blocks.planes - 1) / blocks.planes * blocks.bands, 1, 1, threads,
          (int) tiles.bytes(blocks.planes, blocks.rows));
      launcher.launch(call, Launcher.Entry.of(TEXT, "depthwise" + tiles.suffix(), tiles.dtype), grid, c.ints(), blocks.planes,
          blocks.rows, turned, in.aligned(0), in.contiguous(1), bias, call.output(0));
    }
  }

  private void gradWeight(Call call) {
    Convolution c = Convolution.of(call);
    Tensor weight = call.output(0);
    Tiles tiles = new Tiles(c, weight.dtype());
    Blocks blocks = Blocks.of(tiles, GRADIENT_THREADS, Math.max(1, c.batch()), SHARED, tiles::gradientBytes);
    int channels = c.from().channels();
    int steps = (c.batch() + blocks.planes - 1) / blocks.planes * blocks.bands;
    int parts = Math.clamp((GRADIENT_BLOCKS_EACH * multiprocessors + channels - 1) / channels, 1, Math.clamp(steps, 1, MOST_IN_GRID));
    try (Operands in = launcher.operands(call)) {
      long sums = in.scratch(parts * weight.size() * 4);
      Grid grid = new Grid(channels, parts, 1, GRADIENT_THREADS, (int) tiles.gradientBytes(blocks.planes, blocks.rows));
      launcher.launch(call, Launcher.Entry.of(TEXT, "depthwiseGradWeight" + tiles.suffix(), tiles.dtype), grid, c.ints(), blocks.planes,
          blocks.rows, in.aligned(0), in.aligned(1), sums);
      reductions.sumTo(call, in, DType.F32, sums, Shape.of(parts).concat(weight.shape()), weight);
    }
  }
}
