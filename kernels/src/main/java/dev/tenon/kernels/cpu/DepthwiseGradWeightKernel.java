package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Conv2dGradWeight;
import dev.tenon.engine.op.Op;
import java.util.Arrays;

/** Runs {@link Conv2dGradWeight} of the convolutions that {@link DepthwiseKernel} runs, channel by channel over the batch. */
record DepthwiseGradWeightKernel(Workers workers) implements Kernel {
  /** Multiplications that are worth a task of their own. */
  private static final int GRAIN = 1 << 20;

  @Override
  public String name() {
    return "conv-depthwise-grad-weight";
  }

  @Override
  public Class<? extends Op> op() {
    return Conv2dGradWeight.class;
  }

  @Override
  public Offer accepts(Call call) {
    return DepthwiseKernel.offer(call.op() instanceof Conv2dGradWeight grad
        && grad.conv().groups() == call.input(1).dim(1)
        && DepthwiseKernel.isDepthwise(grad.conv(), call.input(0).dim(1), grad.kernelH(), grad.kernelW()), call);
  }

  @Override
  public void launch(Call call) {
    Tensor g = call.input(0);
    Tensor x = call.input(1);
    Conv2dGradWeight op = (Conv2dGradWeight) call.op();
    int kernel = op.kernelH();
    int channels = (int) g.dim(1);
    int batch = (int) g.dim(0);
    int group = Math.clamp(GRAIN / (g.size() / channels * kernel * kernel), 1, channels);
    float[] weight = new float[channels * kernel * kernel];
    Strided gradient = Strided.of(g);
    Strided input = Strided.of(x);
    workers.run((channels + group - 1) / group, task -> {
      int rows = DepthwiseTiles.sumRows(kernel);
      int tall = ConvTiles.roundUp((int) g.dim(2), rows);
      int wide = ConvTiles.roundUp((int) g.dim(3), Simd.LANES);
      PaddedPlane outer = new PaddedPlane(1, (int) g.dim(2), (int) g.dim(3), 0, tall, wide);
      PaddedPlane inner = new PaddedPlane(2, (int) x.dim(2), (int) x.dim(3), op.conv().padH(), tall + kernel - 1, wide + kernel - 1);
      float[] sums = new float[kernel * kernel * Simd.LANES];
      for (int channel = task * group; channel < Math.min(channels, (task + 1) * group); channel++) {
        Arrays.fill(sums, 0);
        for (int image = 0; image < batch; image++) {
          outer.read(gradient, (long) image * channels + channel);
          inner.read(input, (long) image * channels + channel);
          for (int row = 0; row < tall; row += rows) {
            DepthwiseTiles.sums(kernel, outer.values(), row * wide, wide, inner.values(), row * inner.pitch(), inner.pitch(), wide, sums);
          }
        }
        ConvTiles.addLanes(sums, sums.length);
        for (int tap = 0; tap < kernel * kernel; tap++) {
          weight[channel * kernel * kernel + tap] = sums[tap * Simd.LANES];
        }
      }
    });
    Strided.of(call.output(0)).write(0, weight.length, weight);
  }
}
