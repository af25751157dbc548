package dev.tenon.kernels.gpu;

import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Fold;
import dev.tenon.engine.op.MaxPool2d;
import dev.tenon.engine.op.Resample2d;
import dev.tenon.engine.op.Resample2dGrad;
import dev.tenon.engine.op.Taps;
import dev.tenon.engine.op.Unfold;
import dev.tenon.engine.op.Window2d;
import java.util.List;

/** Launches the text {@code spatial}: pooling, interpolation, patches as columns and back. */
public record SpatialKernels(Launcher launcher) {
  private static final String TEXT = "spatial";

  public List<Kernel> all() {
    return List.of(
        new OpKernel("taps", Resample2d.class, Fit::real, c -> resample(c, (Resample2d) c.op())),
        new OpKernel("taps", Resample2dGrad.class, Fit::real, c -> resampleGrad(c, (Resample2dGrad) c.op())),
        new OpKernel("taps", MaxPool2d.class, Fit::real, c -> maxPool(c, (MaxPool2d) c.op())),
        new OpKernel("columns", Unfold.class, Fit::real, c -> unfold(c, ((Unfold) c.op()).window())),
        new OpKernel("columns", Fold.class, Fit::real, c -> fold(c, ((Fold) c.op()).window())));
  }

  private void resample(Call call, Resample2d op) {
    Tensor x = call.input(0);
    byTaps(call, "resample", op.rows().taps((int) x.dim(2)), op.columns().taps((int) x.dim(3)), call.output(0));
  }

  private void resampleGrad(Call call, Resample2dGrad op) {
    byTaps(call, "resample", op.forward().rows().taps(op.height()).transposed(),
        op.forward().columns().taps(op.width()).transposed(), call.output(0));
  }

  private void maxPool(Call call, MaxPool2d op) {
    Tensor x = call.input(0);
    byTaps(call, "maxPool", op.rows().taps((int) x.dim(2)), op.columns().taps((int) x.dim(3)), call.output(0), call.output(1));
  }

  private void byTaps(Call call, String name, Taps tall, Taps wide, Tensor... results) {
    try (Operands in = launcher.operands(call); Scope _ = Scope.open(results[0].storage().backend())) {
      Object[] arguments = new Object[4 + results.length];
      arguments[0] = new int[] {(int) results[0].shape().product(0, 2), tall.in(), wide.in(), tall.out(), wide.out()};
      arguments[1] = table(tall);
      arguments[2] = table(wide);
      arguments[3] = in.contiguous(0);
      System.arraycopy(results, 0, arguments, 4, results.length);
      launcher.launch(call, Launcher.Entry.of(TEXT, name, results[0].dtype()), Grid.over(results[0].size(), 1), arguments);
    }
  }

  /** The taps as the text's table of an axis, on the device, in the current scope. */
  private Tensor table(Taps taps) {
    int out = taps.out();
    int[] begin = new int[out + 1];
    for (int i = 0; i < out; i++) {
      begin[i + 1] = begin[i] + taps.weights()[i].length;
    }
    double[] table = new double[2 * out + 1 + begin[out]];
    for (int i = 0; i < out; i++) {
      table[i] = taps.first()[i];
      System.arraycopy(taps.weights()[i], 0, table, 2 * out + 1 + begin[i], taps.weights()[i].length);
    }
    for (int i = 0; i <= out; i++) {
      table[out + i] = begin[i];
    }
    return Tensor.of(launcher.number(), Shape.of(table.length), table);
  }

  private static int[] pack(Window2d w) {
    return new int[] {w.kernelH(), w.kernelW(), w.strideH(), w.strideW(), w.padH(), w.padW(), w.dilationH(), w.dilationW()};
  }

  private static int[] planes(Shape image, Window2d window) {
    return new int[] {(int) image.product(0, 2), (int) image.dim(2), (int) image.dim(3), window.rows(image.dim(2)),
        window.columns(image.dim(3))};
  }

  private void unfold(Call call, Window2d window) {
    launch(call, "unfold", planes(call.input(0).shape(), window), window);
  }

  private void fold(Call call, Window2d window) {
    launch(call, "fold", planes(call.output(0).shape(), window), window);
  }

  private void launch(Call call, String name, int[] planes, Window2d window) {
    try (Operands in = launcher.operands(call)) {
      Tensor y = call.output(0);
      launcher.launch(call, Launcher.Entry.of(TEXT, name, y.dtype()), Grid.over(y.size(), 1), planes, pack(window), in.contiguous(0), y);
    }
  }
}
