package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.List;

/**
 * The patches under a sliding window as columns: x [B, C, H, W] gives [B, C·kernelH·kernelW, positions], zero where the window is
 * over padding.
 */
public record Unfold(Window2d window) implements Op {
  /** What the columns of an image look like. */
  static Shape columns(Op op, Window2d window, Spec x) {
    Check.floating(op, "x", x);
    Check.rank(op, "x", 4, x);
    window.check(op, "x", x);
    return Shape.of(x.dim(0), x.dim(1) * window.kernelH() * window.kernelW(),
        (long) window.rows(x.dim(2)) * window.columns(x.dim(3)));
  }

  /** Receives each pair of an image's element and the column's element that shows it, as flat indices. */
  interface Pair {
    void at(int image, int columns);
  }

  /** Visits every element of the columns that is not over padding. */
  static void visit(Window2d window, Shape image, Pair pair) {
    int height = (int) image.dim(2);
    int width = (int) image.dim(3);
    int rows = window.rows(height);
    int columns = window.columns(width);
    int taps = window.kernelH() * window.kernelW();
    for (int plane = 0; plane < image.product(0, 2); plane++) {
      int from = plane * height * width;
      int to = plane * taps;
      window.visit(height, width, rows, columns, (out, k, in) -> pair.at(from + in, (to + k) * rows * columns + out));
    }
  }

  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 1).getFirst();
    return List.of(x.with(columns(this, window, x)));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] x = inputs.getFirst().v();
    double[] y = outputs.getFirst().v();
    visit(window, inputs.getFirst().shape(), (image, column) -> y[column] = x[image]);
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor x = call.input(0);
    return List.of(new Fold(window, (int) x.dim(2), (int) x.dim(3)).apply(call.gradOutput()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(0, inputs, outputs);
  }
}
