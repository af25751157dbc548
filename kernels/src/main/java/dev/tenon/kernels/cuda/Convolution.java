package dev.tenon.kernels.cuda;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
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
record Convolution(int batch, Maps from, Maps to, Window2d window, int groups, int spreadH, int spreadW) {
  /** What is read or written of an image. */
  record Maps(int channels, int height, int width) {
    static Maps of(Shape images) {
      return new Maps((int) images.dim(1), (int) images.dim(2), (int) images.dim(3));
    }

    int pixels() {
      return height * width;
    }
  }

  /** The convolution that {@code call} computes: itself, or that of the gradients of the result; or the one whose weight it derives. */
  static Convolution of(Call call) {
    Tensor first = call.input(0);
    return switch (call.op()) {
      case Conv2d op -> of(op, first.shape(), call.input(1).shape(), call.output(0).shape());
      case Conv2dGradInput op -> of(op.conv(), call.output(0).shape(), call.input(1).shape(), first.shape()).turned();
      case Conv2dGradWeight op -> of(op.conv(), call.input(1).shape(), call.output(0).shape(), first.shape());
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

  int taps() {
    return window.kernelH() * window.kernelW();
  }

  /** The channels of a group. */
  int depth() {
    return from.channels() / groups;
  }

  /** The filters of a group. */
  int filters() {
    return to.channels() / groups;
  }

  /** Whether the padding is some; that of a gradient is not if it was more than the window reaches. */
  boolean isPadded() {
    return window.padH() >= 0 && window.padW() >= 0;
  }

  int[] ints() {
    Window2d w = window;
    return new int[] {batch, from.channels(), from.height(), from.width(), to.channels(), to.height(), to.width(), w.kernelH(),
        w.kernelW(), w.strideH(), w.strideW(), w.padH(), w.padW(), w.dilationH(), w.dilationW(), groups, spreadH, spreadW};
  }
}
