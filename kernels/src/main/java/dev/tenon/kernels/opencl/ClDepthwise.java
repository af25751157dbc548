package dev.tenon.kernels.opencl;

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
import java.util.Locale;
import java.util.function.Consumer;

/** Launches the text {@code depthwise}: convolutions of each channel by itself, and their gradients, on GPUs. */
record ClDepthwise(Launcher launcher, ReduceKernels reductions, int units) {
  private static final String TEXT = "depthwise";
  private static final double COST = 0.25;
  /** Items of a group of the gradient of the weight. */
  private static final int ITEMS = 128;
  private static final int GROUPS_EACH = 16;
  private static final int WIDE = 4;
  private static final int ALIGNMENT = 16;

  List<Kernel> all() {
    return List.of(kernel(Conv2d.class, this::convolve), kernel(Conv2dGradInput.class, this::convolve),
        kernel(Conv2dGradWeight.class, this::gradWeight));
  }

  private static Kernel kernel(Class<? extends Op> op, Consumer<Call> run) {
    return new OpKernel("depthwise", op, COST, ClDepthwise::refusal, run);
  }

  private static String refusal(Call call) {
    String reason = Fit.real(call);
    return reason != null ? reason : Convolution.of(call).notDepthwise();
  }

  /** The text's R. */
  private static int high(Convolution c) {
    return c.window().strideH() == 1 ? 7 : 2;
  }

  private static int ceil(int x, int by) {
    return (x + by - 1) / by;
  }

  /** Items of a plane. */
  private static int items(Convolution c) {
    return ceil(c.to().width(), WIDE) * ceil(c.to().height(), high(c));
  }

  private static Launcher.Entry entry(String name, Call call, Convolution c) {
    Window2d w = c.window();
    DType dtype = call.output(0).dtype();
    boolean fours = c.spreadW() == 1 && c.spreadH() == 1 && w.padW() == w.kernelW() / 2 && c.from().width() % WIDE == 0
        && c.to().width() % WIDE == 0 && Launcher.address(call.output(0)) % ALIGNMENT == 0;
    return new Launcher.Entry(TEXT, name, ClTypes.of(dtype.name().toLowerCase(Locale.ROOT)) + " -DK=" + w.kernelW() + " -DS=" + w.strideW()
        + " -DR=" + high(c) + " -DITEMS=" + ITEMS + (fours ? " -DFOURS" : ""));
  }

  private void convolve(Call call) {
    Convolution c = Convolution.of(call);
    boolean turned = call.op() instanceof Conv2dGradInput;
    try (Operands in = launcher.operands(call)) {
      Object bias = call.op() instanceof Conv2d op && op.bias() ? in.contiguous(2) : Long.valueOf(0);
      launcher.launch(call, entry("depthwise", call, c), Grid.each((long) c.batch() * c.from().channels() * items(c)),
          c.ints(), turned ? 1 : 0, in.aligned(0), in.contiguous(1), bias, call.output(0));
    }
  }

  private void gradWeight(Call call) {
    Convolution c = Convolution.of(call);
    Tensor weight = call.output(0);
    DType type = Fit.compute(weight.dtype());
    int channels = c.from().channels();
    int parts = Math.clamp(ceil(GROUPS_EACH * units, channels), 1, Math.max(1, ceil(c.batch() * items(c), ITEMS)));
    try (Operands in = launcher.operands(call)) {
      long sums = in.scratch(parts * weight.size() * type.byteSize());
      launcher.launch(call, entry("depthwiseGradWeight", call, c), new Grid(channels, parts, 1, ITEMS), c.ints(), in.aligned(0),
          in.aligned(1), sums);
      reductions.sumTo(call, in, type, sums, Shape.of(parts).concat(weight.shape()), weight);
    }
  }
}
