package dev.tenon.kernels.gpu;

import dev.tenon.engine.Shape;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Conv2dGradWeight;
import java.util.List;

/** Launches the text {@code conv}: convolutions and their two gradients, straight from the definition. */
public record ConvKernels(Launcher launcher) {
  private static final String TEXT = "conv";
  private static final int THREADS = 128;

  public List<Kernel> all() {
    return List.of(
        new OpKernel("conv", Conv2d.class, Fit::real, this::forward),
        new OpKernel("conv", Conv2dGradInput.class, Fit::real, this::gradInput),
        new OpKernel("conv", Conv2dGradWeight.class, Fit::real, this::gradWeight));
  }

  /** The texts' structure {@code Conv}. */
  public static int[] geometry(Conv2d op, Shape x, Shape weight, Shape y) {
    return new int[] {(int) x.dim(0), (int) x.dim(1), (int) x.dim(2), (int) x.dim(3), (int) y.dim(1), (int) y.dim(2), (int) y.dim(3),
        (int) weight.dim(2), (int) weight.dim(3), op.strideH(), op.strideW(), op.padH(), op.padW(), op.dilationH(), op.dilationW(),
        op.groups()};
  }

  private void forward(Call call) {
    Conv2d op = (Conv2d) call.op();
    try (Operands in = launcher.operands(call)) {
      launcher.launch(call, Launcher.Entry.of(TEXT, "conv", call.output(0).dtype()), Grid.over(call.output(0).size(), 1),
          geometry(op, call.input(0).shape(), call.input(1).shape(), call.output(0).shape()), in.contiguous(0), in.contiguous(1),
          op.bias() ? in.contiguous(2) : 0L, call.output(0));
    }
  }

  private void gradInput(Call call) {
    Conv2dGradInput op = (Conv2dGradInput) call.op();
    try (Operands in = launcher.operands(call)) {
      launcher.launch(call, Launcher.Entry.of(TEXT, "convGradInput", call.output(0).dtype()), Grid.over(call.output(0).size(), 1),
          geometry(op.conv(), call.output(0).shape(), call.input(1).shape(), call.input(0).shape()), in.contiguous(0),
          in.contiguous(1), call.output(0));
    }
  }

  private void gradWeight(Call call) {
    Conv2dGradWeight op = (Conv2dGradWeight) call.op();
    try (Operands in = launcher.operands(call)) {
      launcher.launch(call, Launcher.Entry.of(TEXT, "convGradWeight", call.output(0).dtype()), Grid.of(call.output(0).size(), THREADS),
          geometry(op.conv(), call.input(1).shape(), call.output(0).shape(), call.input(0).shape()), in.contiguous(0),
          in.contiguous(1), call.output(0));
    }
  }
}
