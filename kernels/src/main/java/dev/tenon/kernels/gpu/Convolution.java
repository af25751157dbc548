package dev.tenon.kernels.gpu;

import dev.tenon.engine.Shape;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.op.Conv2d;
import dev.tenon.engine.op.Conv2dGradInput;
import dev.tenon.engine.op.Conv2dGradWeight;
import dev.tenon.engine.op.Window2d;

/**
 * What the texts call {@code Conv}: a convolution, or the gradient of its input, which is one as well.
 *
 * @param spreadH how far apart rows that are read lie, with zeros between them
 */
public record Convolution(int batch, Maps from, Maps to, Window2d window, int groups, int spreadH, int spreadW) {
  /** What is read or written of an image. */
  public record Maps(int channels, int height, int width) {
    static Maps of(Shape images) {
      return new Maps((int) images.dim(1), (int) images.dim(2), (int) images.dim(3));
    }

    public int pixels() {
      return height * width;
    }
  }

  /** The convolution that {@code call} computes: itself, or that of the gradients of the result; or the one whose weight it derives. */
  public static Convolution of(Call call) {
    Convolution forward = forward(call);
    return call.op() instanceof Conv2dGradInput ? forward.turned() : forward;
  }

  /** The convolution that {@code call} computes or derives. */
  public static Convolution forward(Call call) {
    Shape first = call.input(0).shape();
    Shape second = call.input(1).shape();
    Shape result = call.output(0).shape();
    return switch (call.op()) {
      case Conv2d op -> of(op, first, second, result);
      case Conv2dGradInput op -> of(op.conv(), result, second, first);
      case Conv2dGradWeight op -> of(op.conv(), second, result, first);
      default -> throw new IllegalArgumentException(call.describe() + " is no convolution");
    };
  }

  private static Convolution of(Conv2d op, Shape x, Shape weight, Shape y) {
    return new Convolution((int) x.dim(0), Maps.of(x), Maps.of(y), op.window(weight.dim(2), weight.dim(3)), op.groups(), 1, 1);
  }

  private Convolution turned() {
    Window2d w = window;
    Window2d turned = new Window2d(w.kernelH(), w.kernelW(), 1, 1, w.dilationH() * (w.kernelH() - 1) - w.padH(),
        w.dilationW() * (w.kernelW() - 1) - w.padW(), w.dilationH(), w.dilationW());
    return new Convolution(batch, to, from, turned, groups, w.strideH(), w.strideW());
  }

  public int taps() {
    return window.kernelH() * window.kernelW();
  }

  /** The channels of a group. */
  public int depth() {
    return from.channels() / groups;
  }

  /** The filters of a group. */
  public int filters() {
    return to.channels() / groups;
  }

  /** Whether the padding is some; that of a gradient is not if it was more than the window reaches. */
  public boolean isPadded() {
    return window.padH() >= 0 && window.padW() >= 0;
  }

  /** Why it is none of those of each channel by itself that have kernels of their own; null if it is. */
  public String notDepthwise() {
    if (depth() != 1 || filters() != 1) {
      return "takes one channel and one filter a group, and here are " + depth() + " and " + filters();
    }
    Window2d w = window;
    boolean square = w.kernelH() == w.kernelW() && w.strideH() == w.strideW() && w.dilationH() == 1 && w.dilationW() == 1;
    boolean known = w.kernelH() == 3 || w.kernelH() == 5 || w.kernelH() == 7;
    return square && known && w.strideH() <= 2 && isPadded() ? null
        : "has windows of 3x3, 5x5 and 7x7, stride 1 and 2, no dilation, and less padding than that, and here is " + w;
  }

  public int[] ints() {
    Window2d w = window;
    return new int[] {batch, from.channels(), from.height(), from.width(), to.channels(), to.height(), to.width(), w.kernelH(),
        w.kernelW(), w.strideH(), w.strideW(), w.padH(), w.padW(), w.dilationH(), w.dilationW(), groups, spreadH, spreadW};
  }
}
