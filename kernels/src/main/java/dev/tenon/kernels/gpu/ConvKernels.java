package dev.tenon.kernels.gpu;

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

  private void forward(Call call) {
    boolean bias = ((Conv2d) call.op()).bias();
    try (Operands in = launcher.operands(call)) {
      launcher.launch(call, entry("conv", call), Grid.over(call.output(0).size(), 1), Convolution.forward(call).ints(),
          in.contiguous(0), in.contiguous(1), bias ? in.contiguous(2) : 0L, call.output(0));
    }
  }

  private void gradInput(Call call) {
    try (Operands in = launcher.operands(call)) {
      launcher.launch(call, entry("convGradInput", call), Grid.over(call.output(0).size(), 1), Convolution.forward(call).ints(),
          in.contiguous(0), in.contiguous(1), call.output(0));
    }
  }

  private void gradWeight(Call call) {
    try (Operands in = launcher.operands(call)) {
      launcher.launch(call, entry("convGradWeight", call), Grid.of(call.output(0).size(), THREADS), Convolution.forward(call).ints(),
          in.contiguous(0), in.contiguous(1), call.output(0));
    }
  }

  private static Launcher.Entry entry(String name, Call call) {
    return Launcher.Entry.of(TEXT, name, call.output(0).dtype());
  }
}
