package dev.tenon.kernels.cuda;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.BatchNorm;
import dev.tenon.engine.op.BatchNormGrad;
import dev.tenon.engine.op.Sum;
import dev.tenon.kernels.gpu.Fit;
import dev.tenon.kernels.gpu.Grid;
import dev.tenon.kernels.gpu.Launcher;
import dev.tenon.kernels.gpu.OpKernel;
import dev.tenon.kernels.gpu.Operands;
import dev.tenon.kernels.gpu.ReduceKernels;
import java.util.List;
import java.util.stream.IntStream;

/** Launches the text {@code channels.cu}: batch norm, its gradient and sums over maps with many elements a channel. */
record ChannelKernels(Launcher launcher, ReduceKernels reductions) {
  private static final String TEXT = "channels";
  private static final double COST = 0.5;
  /** What the text calls by these names. */
  private static final int THREADS = 256;
  private static final int PACKS = 8;
  private static final int PACK = 16;
  /** Elements of a channel that repay reading them in parts. */
  private static final int MANY = 4096;
  private static final int MOST_IN_GRID = 65535;

  List<Kernel> all() {
    return List.of(
        new OpKernel("channels in parts", BatchNorm.class, COST, c -> refusal(c, c.input(0)), this::batchNorm),
        new OpKernel("channels in parts", BatchNormGrad.class, COST, c -> refusal(c, c.input(1)), this::batchNormGrad),
        new OpKernel("channels in parts", Sum.class, COST, ChannelKernels::sumRefusal, this::sum));
  }

  /** How maps are cut: what the text calls by that name. */
  private record Maps(int images, int channels, int inner, int each, int segments) {
    static Maps of(Tensor x) {
      Shape shape = x.shape();
      int inner = (int) shape.product(2, shape.rank());
      int perPack = PACK / x.dtype().byteSize();
      int packs = inner / perPack;
      int segments = (packs + THREADS * PACKS - 1) / (THREADS * PACKS);
      int each = (packs + segments - 1) / segments * perPack;
      return new Maps((int) shape.dim(0), (int) shape.dim(1), inner, each, (inner + each - 1) / each);
    }

    int parts() {
      return images * segments;
    }

    Grid grid() {
      return new Grid(parts(), channels, 1, THREADS);
    }

    int[] pack() {
      return new int[] {images, channels, inner, each, segments};
    }
  }

  private static String refusal(Call call, Tensor x) {
    String reason = Fit.real(call);
    if (reason != null) {
      return reason;
    }
    if (x.dtype() == DType.F64) {
      return "computes in F32";
    }
    long inner = x.shape().product(2, x.rank());
    if (x.dim(0) * inner < MANY || inner * x.dtype().byteSize() % PACK != 0 || x.dim(1) > MOST_IN_GRID) {
      return "takes up to " + MOST_IN_GRID + " channels of at least " + MANY + " elements, whole packs of 16 bytes an image, and here is "
          + x.shape();
    }
    return null;
  }

  private static String sumRefusal(Call call) {
    Tensor x = call.input(0);
    List<Integer> others = IntStream.range(0, x.rank()).filter(d -> d != 1).boxed().toList();
    return x.rank() < 3 || !call.op().equals(new Sum(others, false)) || !x.layout().isContiguous()
        ? "sums dense maps over all but their channels" : refusal(call, x);
  }

  private void batchNorm(Call call) {
    DType type = call.input(0).dtype();
    Maps maps = Maps.of(call.input(0));
    double eps = ((BatchNorm) call.op()).eps();
    try (Operands in = launcher.operands(call)) {
      long x = in.aligned(0);
      long parts = in.scratch(2L * Float.BYTES * maps.parts() * maps.channels());
      launcher.launch(call, Launcher.Entry.of(TEXT, "moments", type), maps.grid(), maps.pack(), x, parts);
      launcher.launch(call, Launcher.Entry.of(TEXT, "normalize", type), maps.grid(), maps.pack(), parts, x, in.contiguous(1),
          in.contiguous(2), call.output(0), call.output(1), call.output(2), eps);
    }
  }

  private void batchNormGrad(Call call) {
    DType type = call.input(1).dtype();
    Maps maps = Maps.of(call.input(1));
    double eps = ((BatchNormGrad) call.op()).eps();
    try (Operands in = launcher.operands(call)) {
      long g = in.aligned(0);
      long x = in.aligned(1);
      long mean = in.contiguous(2);
      long variance = in.contiguous(3);
      long parts = in.scratch(2L * Float.BYTES * maps.parts() * maps.channels());
      launcher.launch(call, Launcher.Entry.of(TEXT, "gradMoments", type), maps.grid(), maps.pack(), g, x, mean, variance, parts, eps);
      launcher.launch(call, Launcher.Entry.of(TEXT, "gradInput", type), maps.grid(), maps.pack(), parts, g, x, mean, variance,
          in.contiguous(4), call.output(0), call.output(1), call.output(2), eps);
    }
  }

  private void sum(Call call) {
    Tensor x = call.input(0);
    Maps maps = Maps.of(x);
    try (Operands in = launcher.operands(call)) {
      long parts = in.scratch((long) Float.BYTES * maps.parts() * maps.channels());
      launcher.launch(call, Launcher.Entry.of(TEXT, "sums", x.dtype()), maps.grid(), maps.pack(), in.aligned(0), parts);
      reductions.sumTo(call, in, DType.F32, parts, Shape.of(maps.parts(), maps.channels()), call.output(0));
    }
  }
}
