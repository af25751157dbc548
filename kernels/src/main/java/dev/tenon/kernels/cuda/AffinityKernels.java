package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Affinity;
import dev.tenon.engine.op.AffinityGrad;
import dev.tenon.kernels.gpu.ElementwiseKernels;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import java.util.List;

/**
 * Launches the text {@code implicit.cu}: cross-task affinity and its gradient, whose memory grows with the pixels of an image and not
 * with their pairs.
 */
record AffinityKernels(Launcher launcher, int multiprocessors) {
  private static final String TEXT = "implicit";
  private static final int THREADS = 256;
  private static final int TAPS = 9;
  private static final int MOST_IN_GRID = 65535;

  /** The extents of a call; {@code depth} counts the channels of the values of all tasks. */
  private record Sizes(int images, int tasks, int channels, int depth, int height, int width) {
    static Sizes of(Tensor f, Tensor v) {
      return new Sizes((int) f.dim(0), (int) f.dim(1), (int) f.dim(2), (int) (v.dim(1) * v.dim(2)), (int) f.dim(3), (int) f.dim(4));
    }

    int pixels() {
      return height * width;
    }

    /** Tasks, elements of a kernel and channels together, and one more for the bias. */
    int lines() {
      return TAPS * tasks * channels + 1;
    }

    int[] pack() {
      return new int[] {tasks, channels, depth, height, width};
    }
  }

  List<Kernel> all() {
    return List.of(
        new OpKernel("moments", Affinity.class, c -> refusal(c, 0), this::forward),
        new OpKernel("moments", AffinityGrad.class, c -> refusal(c, 1), this::backward));
  }

  /** {@code f} is where the features are among the operands. */
  private static String refusal(Call call, int f) {
    String reason = Fit.real(call);
    if (reason != null) {
      return reason;
    }
    Sizes s = Sizes.of(call.input(f), call.input(f + 1));
    int most = Math.max(Math.max(s.images() * s.tasks(), TAPS * s.tasks() + 1), Math.max(tiles(s.pixels(), 64), tiles(s.depth(), 64)));
    return most <= MOST_IN_GRID ? null : "starts up to 65535 blocks along a side, and this would take " + most;
  }

  private void forward(Call call) {
    try (Operands in = launcher.operands(call)) {
      Sizes s = Sizes.of(call.input(0), call.input(1));
      long f = in.contiguous(0);
      long weight = weight(in, call.input(2), call.input(3), s);
      long moments = moments(call, in, s, f, in.contiguous(1));
      launch(call, "affinity", s.depth(), s.pixels(), s.images(), s.pack(), f, weight, moments, call.output(0));
    }
  }

  private void backward(Call call) {
    try (Operands in = launcher.operands(call)) {
      Sizes s = Sizes.of(call.input(1), call.input(2));
      long g = in.contiguous(0);
      long f = in.contiguous(1);
      long v = in.contiguous(2);
      long weight = weight(in, call.input(3), call.input(4), s);
      long moments = moments(call, in, s, f, v);
      long gradMoments = in.scratch(bytes(call, s));
      launch(call, "affinityGradMoments", s.lines(), s.depth(), s.images(), s.pack(), f, weight, g, gradMoments);
      launch(call, "affinityGradFeatures", s.channels(), s.pixels(), s.images() * s.tasks(), s.pack(), g, v, weight, moments, gradMoments,
          call.output(0));
      launch(call, "affinityGradValues", s.depth(), s.pixels(), s.images(), s.pack(), f, gradMoments, call.output(1));
      int tile = tile(call, TAPS * s.tasks() + 1L, tiles(s.pixels(), 128));
      launcher.launch(call, entry("affinityGradWeights", tile, call), new Grid(tiles(s.pixels(), tile), TAPS * s.tasks() + 1, 1, THREADS),
          s.pack(), s.images(), g, f, moments, call.output(2), call.output(3));
    }
  }

  /** Kernels and bias, a line of pixels for each element of a task's kernel, and one for the bias. */
  private static long weight(Operands in, Tensor weight, Tensor bias, Sizes s) {
    long pixels = s.pixels();
    long lines = (long) TAPS * s.tasks();
    long all = in.scratch((lines + 1) * pixels * weight.dtype().byteSize());
    in.copy(weight, all, Layout.of(weight.shape(), new long[] {1, TAPS * pixels, 3 * pixels, pixels}, 0));
    in.copy(bias, all, Layout.of(bias.shape(), new long[] {1}, lines * pixels));
    return all;
  }

  private static long bytes(Call call, Sizes s) {
    return (long) s.images() * s.lines() * s.depth() * Math.max(Float.BYTES, ElementwiseKernels.real(call).byteSize());
  }

  /** The sums over pixels that the results are made of, [images, lines, depth] in the compute type. */
  private long moments(Call call, Operands in, Sizes s, long f, long v) {
    long moments = in.scratch(bytes(call, s));
    launch(call, "affinityMoments", s.lines(), s.depth(), s.images(), s.pack(), f, v, moments);
    return moments;
  }

  private void launch(Call call, String name, int m, int n, int matrices, Object... arguments) {
    int tile = tile(call, (long) tiles(m, 128) * matrices, tiles(n, 128));
    launcher.launch(call, entry(name, tile, call), new Grid(tiles(m, tile), tiles(n, tile), matrices, THREADS), arguments);
  }

  /** Small tiles where large ones would leave multiprocessors without work, and for doubles, of which large ones hold too many. */
  private int tile(Call call, long rows, long columns) {
    return ElementwiseKernels.real(call) == DType.F64 || rows * columns < multiprocessors ? 64 : 128;
  }

  private static Launcher.Entry entry(String name, int tile, Call call) {
    return Launcher.Entry.of(TEXT, name + tile, ElementwiseKernels.real(call));
  }

  private static int tiles(int extent, int tile) {
    return (extent + tile - 1) / tile;
  }
}
