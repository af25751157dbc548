package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Op;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Runs depthwise {@link Conv2d} by the usual windows without stride, and {@link Conv2dGradInput}, which is the same with the window
 * turned around.
 */
record DepthwiseKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  static final List<Class<? extends Op>> OPS = List.of(Conv2d.class, Conv2dGradInput.class);

  /** Multiplications that are worth a task of their own. */
  private static final int GRAIN = 1 << 20;
  /** Less than other kernels: where it can, it is faster. */
  private static final double COST = 0.5;

  @Override
  public String name() {
    return "conv-depthwise";
  }

  @Override
  public Offer accepts(Call call) {
    Tensor weight = call.input(1);
    Conv2d conv = call.op() instanceof Conv2d forward ? forward : ((Conv2dGradInput) call.op()).conv();
    return offer(weight.dim(1) == 1 && isDepthwise(conv, weight.dim(0), weight.dim(2), weight.dim(3)), call);
  }

  static Offer offer(boolean fits, Call call) {
    if (!fits) {
      return Offer.refuse("takes one channel a group and windows of 3x3, 5x5 and 7x7 without stride, padded by less than that");
    }
    return Fit.rows(call) instanceof Offer.Refuse refusal ? refusal : Offer.accept(COST);
  }

  static boolean isDepthwise(Conv2d conv, long channels, long kernelH, long kernelW) {
    return conv.groups() == channels && kernelH == kernelW && DepthwiseTiles.has(kernelH)
        && conv.strideH() == 1 && conv.strideW() == 1 && conv.dilationH() == 1 && conv.dilationW() == 1
        && conv.padH() == conv.padW() && conv.padH() < kernelH;
  }

  @Override
  public void launch(Call call) {
    Tensor weight = call.input(1);
    float[] w = new float[(int) weight.size()];
    Strided.of(weight).read(0, w.length, w);
    float[] bias = new float[(int) weight.dim(0)];
    int kernel = (int) weight.dim(2);
    if (call.op() instanceof Conv2d conv) {
      if (conv.bias()) {
        Strided.of(call.input(2)).read(0, bias.length, bias);
      }
      run(call.input(0), w, bias, kernel, conv.padH(), call.output(0));
    } else {
      turn(w, kernel * kernel);
      run(call.input(0), w, bias, kernel, kernel - 1 - ((Conv2dGradInput) call.op()).conv().padH(), call.output(0));
    }
  }

  private static void turn(float[] w, int window) {
    for (int at = 0; at < w.length; at += window) {
      for (int i = at, j = at + window - 1; i < j; i++, j--) {
        float turned = w[i];
        w[i] = w[j];
        w[j] = turned;
      }
    }
  }

  private void run(Tensor x, float[] w, float[] bias, int kernel, int pad, Tensor y) {
    int height = (int) y.dim(2);
    int width = (int) y.dim(3);
    int planes = (int) (y.dim(0) * y.dim(1));
    int group = Math.clamp(GRAIN / ((long) height * width * kernel * kernel), 1, planes);
    Strided source = Strided.of(x);
    MemorySegment out = y.storage().segment();
    workers.run((planes + group - 1) / group, task -> {
      int rows = DepthwiseTiles.rows(kernel);
      int tall = ConvTiles.roundUp(height, rows);
      PaddedPlane padded = new PaddedPlane(
          1, (int) x.dim(2), (int) x.dim(3), pad, tall + kernel - 1, Math.max(width, Simd.LANES) + kernel - 1);
      float[] result = Scratch.array(2, tall * width + Simd.LANES);
      for (int plane = task * group; plane < Math.min(planes, (task + 1) * group); plane++) {
        padded.read(source, plane);
        int channel = plane % bias.length;
        for (int row = 0; row < height; row += rows) {
          // Tiles overlap in the last columns. A row's rest, where it is shorter than a vector, is overwritten by the row below.
          for (int i = 0; i < width; i += Simd.LANES) {
            int column = Math.max(0, Math.min(i, width - Simd.LANES));
            DepthwiseTiles.tile(kernel, w, channel * kernel * kernel, bias[channel],
                padded.values(), row * padded.pitch() + column, padded.pitch(), result, row * width + column, width);
          }
        }
        MemorySegment.copy(result, 0, out, Simd.FLOAT, (long) plane * height * width * 4, height * width);
      }
    });
  }
}
