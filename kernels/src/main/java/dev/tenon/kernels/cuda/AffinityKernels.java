package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Storage;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.kernel.KernelRegistry;
import dev.tenon.engine.op.Affinity;
import dev.tenon.engine.op.AffinityGrad;
import dev.tenon.engine.op.MatMul;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Launches the text {@code affinity.cu}: cross-task affinity and its gradient as products of matrices, whose memory grows with the pixels
 * of an image and not with their pairs.
 *
 * @param products kernels of {@link MatMul}
 */
record AffinityKernels(Launcher launcher, KernelRegistry products) {
  private static final String TEXT = "affinity";
  private static final int THREADS = 256;
  /** What the text calls by these names. */
  private static final int PIXELS = 32;
  private static final int TEAMS = 4;
  private static final int TAPS = 9;
  private static final int CHUNK = 16;
  private static final int MOST_IN_GRID = 65535;
  /** Elements that lines of features have at a time, if an image's are not more: 256 MiB in BF16. */
  private static final long MOST_ELEMENTS = 128L << 20;

  /** The extents of a call; {@code depth} counts the channels of the values of all tasks. */
  private record Sizes(DType dtype, int images, int tasks, int channels, int depth, int height, int width) {
    static Sizes of(Tensor f, Tensor v) {
      return new Sizes(f.dtype(), (int) f.dim(0), (int) f.dim(1), (int) f.dim(2), (int) (v.dim(1) * v.dim(2)), (int) f.dim(3),
          (int) f.dim(4));
    }

    int pixels() {
      return height * width;
    }

    /** Tasks and elements of a kernel together, and one more for the bias. */
    int taps() {
      return TAPS * tasks + 1;
    }

    /** Tasks, elements of a kernel and channels together, and one more for the bias. */
    int lines() {
      return TAPS * tasks * channels + 1;
    }

    long lineElements() {
      return (long) lines() * pixels();
    }

    /** How many images to take at a time where each needs its lines {@code copies} times. */
    int together(int copies) {
      long most = Math.clamp(MOST_ELEMENTS / Math.max(1, copies * lineElements()), 1, Math.max(1, images));
      long chunks = (images + most - 1) / most;
      return (int) ((images + chunks - 1) / Math.max(1, chunks));
    }

    int[] pack() {
      return new int[] {tasks, channels, height, width};
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
    if (s.tasks() == 0) {
      return "mixes the maps of at least one task";
    }
    if (Math.max(s.lineElements(), (long) s.lines() * s.depth()) > Integer.MAX_VALUE) {
      return "multiplies matrices of up to 2^31 elements, and an image has " + s.lines() + " lines of " + s.pixels() + " pixels";
    }
    int most = Math.max(s.images(), s.lines());
    return most <= MOST_IN_GRID ? null : "starts up to 65535 blocks along a side, and this would take " + most;
  }

  /** A matrix of each image. */
  private record Matrices(Call call, DType dtype, long address, int rows, int columns) {
    /** Those of {@code images} images from {@code first} on. */
    Tensor of(int first, int images) {
      return view(first, Shape.of(images, rows, columns), (long) rows * columns, columns, 1);
    }

    Tensor transposed(int first, int images) {
      return view(first, Shape.of(images, columns, rows), (long) rows * columns, 1, columns);
    }

    @SuppressWarnings("restricted")
    private Tensor view(int first, Shape shape, long... strides) {
      long bytes = shape.size() * dtype.byteSize();
      MemorySegment segment = MemorySegment.ofAddress(at(first)).reinterpret(bytes);
      Storage storage = new Storage(call.input(0).storage().backend(), segment, () -> {});
      return new Tensor(storage, Layout.of(shape, strides, 0), dtype, false);
    }

    long at(int image) {
      return address + (long) image * rows * columns * dtype.byteSize();
    }
  }

  /** What both directions work with. */
  private record Work(Call call, Operands in, Sizes s) {
    Matrices scratch(int images, int rows, int columns) {
      return matrices(in.scratch((long) images * rows * columns * s.dtype().byteSize()), rows, columns);
    }

    Matrices lines(int images) {
      return scratch(images, s.lines(), s.pixels());
    }

    Matrices matrices(long address, int rows, int columns) {
      return new Matrices(call, s.dtype(), address, rows, columns);
    }
  }

  private void multiply(Tensor a, Tensor b, Tensor c) {
    Call product = new Call(new MatMul(), List.of(a, b), List.of(c));
    products.select(product).launch(product);
  }

  private void forward(Call call) {
    try (Operands in = launcher.operands(call)) {
      Sizes s = Sizes.of(call.input(0), call.input(1));
      Work work = new Work(call, in, s);
      int together = s.together(1);
      Matrices f = work.matrices(in.aligned(0), s.tasks() * s.channels(), s.pixels());
      Matrices v = work.matrices(in.aligned(1), s.depth(), s.pixels());
      Matrices y = work.matrices(Launcher.address(call.output(0)), s.depth(), s.pixels());
      long weight = weight(work, call.input(2), call.input(3));
      Matrices lines = work.lines(together);
      Matrices moments = work.scratch(together, s.lines(), s.depth());
      for (int first = 0; first < s.images(); first += together) {
        int n = Math.min(together, s.images() - first);
        lines(work, "shifted", n, f.at(first), lines.address());
        multiply(lines.of(0, n), v.transposed(first, n), moments.of(0, n));
        lines(work, "weighted", n, f.at(first), weight, lines.address());
        multiply(moments.transposed(0, n), lines.of(0, n), y.of(first, n));
      }
    }
  }

  private void backward(Call call) {
    try (Operands in = launcher.operands(call)) {
      Sizes s = Sizes.of(call.input(1), call.input(2));
      Work work = new Work(call, in, s);
      int together = s.together(2);
      Matrices g = work.matrices(in.aligned(0), s.depth(), s.pixels());
      Matrices f = work.matrices(in.aligned(1), s.tasks() * s.channels(), s.pixels());
      Matrices v = work.matrices(in.aligned(2), s.depth(), s.pixels());
      Matrices gradF = work.matrices(Launcher.address(call.output(0)), f.rows(), s.pixels());
      Matrices gradV = work.matrices(Launcher.address(call.output(1)), s.depth(), s.pixels());
      long weight = weight(work, call.input(3), call.input(4));
      Matrices ofS = work.lines(together);
      Matrices ofX = work.lines(together);
      Matrices moments = work.scratch(together, s.lines(), s.depth());
      Matrices gradMoments = work.scratch(together, s.lines(), s.depth());
      DType compute = Fit.compute(s.dtype());
      Matrices shares = new Matrices(call, compute, in.scratch((long) s.images() * s.taps() * s.pixels() * compute.byteSize()), s.taps(),
          s.pixels());
      for (int first = 0; first < s.images(); first += together) {
        int n = Math.min(together, s.images() - first);
        lines(work, "shifted", n, f.at(first), ofS.address());
        lines(work, "weighted", n, f.at(first), weight, ofX.address());
        multiply(ofS.of(0, n), v.transposed(first, n), moments.of(0, n));
        multiply(ofX.of(0, n), g.transposed(first, n), gradMoments.of(0, n));
        multiply(gradMoments.transposed(0, n), ofS.of(0, n), gradV.of(first, n));
        multiply(moments.of(0, n), g.of(first, n), ofX.of(0, n));
        multiply(gradMoments.of(0, n), v.of(first, n), ofS.of(0, n));
        int each = s.dtype() != DType.F64 && s.width() % 2 == 0 ? 2 : 1;
        launcher.launch(call, entry("gradFeatures" + each, s), new Grid(blocks(s, PIXELS * each), s.tasks(), n, PIXELS * TEAMS), s.pack(),
            f.at(first), weight, ofX.address(), ofS.address(), gradF.at(first), shares.at(first));
      }
      launcher.launch(call, entry("gradWeights", s), new Grid(blocks(s, THREADS), s.taps(), 1, THREADS), s.pack(), s.images(),
          shares.address(), call.output(2), call.output(3));
    }
  }

  /** Kernels and bias, a line of pixels for each element of a task's kernel, and one for the bias. */
  private static long weight(Work work, Tensor weight, Tensor bias) {
    long pixels = work.s().pixels();
    long last = work.s().taps() - 1L;
    long all = work.in().scratch((last + 1) * pixels * weight.dtype().byteSize());
    work.in().copy(weight, all, Layout.of(weight.shape(), new long[] {1, TAPS * pixels, 3 * pixels, pixels}, 0));
    work.in().copy(bias, all, Layout.of(bias.shape(), new long[] {1}, last * pixels));
    return all;
  }

  /** Starts a kernel that makes lines of {@code images} images' features. */
  private void lines(Work work, String name, int images, Object... arguments) {
    Sizes s = work.s();
    int chunk = s.dtype() == DType.F64 ? 1 : CHUNK / s.dtype().byteSize();
    int each = s.width() % chunk == 0 ? chunk : 1;
    Object[] all = new Object[arguments.length + 1];
    all[0] = s.pack();
    System.arraycopy(arguments, 0, all, 1, arguments.length);
    launcher.launch(work.call(), entry(name + each, s), new Grid(blocks(s, THREADS * each), s.lines(), images, THREADS), all);
  }

  private static int blocks(Sizes s, int pixels) {
    return (s.pixels() + pixels - 1) / pixels;
  }

  private static Launcher.Entry entry(String name, Sizes s) {
    return Launcher.Entry.of(TEXT, name, s.dtype());
  }
}
