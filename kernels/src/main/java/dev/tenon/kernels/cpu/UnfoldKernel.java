package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Fold;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Unfold;
import dev.tenon.engine.op.Window2d;
import java.util.Arrays;
import java.util.List;

/** Runs {@link Unfold} and {@link Fold}: each element of the window is one shifted copy of a plane. */
record UnfoldKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS = List.of(Unfold.class, Fold.class);

  @Override
  public String name() {
    return "unfold";
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.rows(call);
  }

  @Override
  public void launch(Call call) {
    boolean unfolds = call.op() instanceof Unfold;
    Window2d window = call.op() instanceof Unfold(Window2d w) ? w : ((Fold) call.op()).window();
    Tensor image = unfolds ? call.input(0) : call.output(0);
    Strided images = Strided.of(image);
    Strided columns = Strided.of(unfolds ? call.output(0) : call.input(0));
    int height = (int) image.dim(2);
    int width = (int) image.dim(3);
    int positions = window.rows(height) * window.columns(width);
    int taps = window.kernelH() * window.kernelW();
    workers.run((int) (image.dim(0) * image.dim(1)), plane -> {
      float[] pixels = new float[height * width];
      float[] column = new float[positions];
      if (unfolds) {
        images.read((long) plane * pixels.length, pixels.length, pixels);
      }
      for (int k = 0; k < taps; k++) {
        long at = ((long) plane * taps + k) * positions;
        if (unfolds) {
          Arrays.fill(column, 0);
          visit(window, k, height, width, (out, in) -> column[out] = pixels[in]);
          columns.write(at, positions, column);
        } else {
          columns.read(at, positions, column);
          visit(window, k, height, width, (out, in) -> pixels[in] += column[out]);
        }
      }
      if (!unfolds) {
        images.write((long) plane * pixels.length, pixels.length, pixels);
      }
    });
  }

  /** Receives a position of the window and the pixel its element falls on. */
  private interface Pair {
    void at(int out, int in);
  }

  private static void visit(Window2d window, int k, int height, int width, Pair pair) {
    int columns = window.columns(width);
    int top = k / window.kernelW() * window.dilationH() - window.padH();
    int left = k % window.kernelW() * window.dilationW() - window.padW();
    for (int row = 0; row < window.rows(height); row++) {
      int y = row * window.strideH() + top;
      for (int column = 0; column < columns && 0 <= y && y < height; column++) {
        int x = column * window.strideW() + left;
        if (0 <= x && x < width) {
          pair.at(row * columns + column, y * width + x);
        }
      }
    }
  }
}
