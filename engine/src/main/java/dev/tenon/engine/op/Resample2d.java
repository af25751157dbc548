package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.List;

/**
 * Interpolation and average pooling: x [B, C, H, W] gives [B, C, H', W'], where each new row is a weighted sum of rows of x, and
 * then each new column one of columns.
 */
public record Resample2d(Sampling rows, Sampling columns) implements Op {
  /** Checks the image and answers its new shape. */
  static Shape resampled(Op op, Sampling rows, Sampling columns, Spec x) {
    Check.floating(op, "x", x);
    Check.rank(op, "x", 4, x);
    rows.check(op, x, 2);
    columns.check(op, x, 3);
    return x.shape().with(2, rows.extent((int) x.dim(2))).with(3, columns.extent((int) x.dim(3)));
  }

  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 1).getFirst();
    return List.of(x.with(resampled(this, rows, columns, x)));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref x = inputs.getFirst();
    weigh(x.v(), rows.taps(x.dim(2)), columns.taps(x.dim(3)), outputs.getFirst().v());
  }

  /** Fills in y, plane by plane, with the weighted sums of x. */
  static void weigh(double[] x, Taps rows, Taps columns, double[] y) {
    int plane = rows.out() * columns.out();
    for (int i = 0; i < y.length; i++) {
      int row = i % plane / columns.out();
      int column = i % columns.out();
      int from = i / plane * rows.in() * columns.in();
      double sum = 0;
      for (int r = 0; r < rows.weights()[row].length; r++) {
        int at = from + (rows.first()[row] + r) * columns.in() + columns.first()[column];
        double weight = rows.weights()[row][r];
        for (int c = 0; c < columns.weights()[column].length; c++) {
          sum += weight * columns.weights()[column][c] * x[at + c];
        }
      }
      y[i] = sum;
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor x = call.input(0);
    return List.of(new Resample2dGrad(this, (int) x.dim(2), (int) x.dim(3)).apply(call.gradOutput()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(products(inputs.getFirst().shape()), inputs, outputs);
  }

  /** Flops, two for each element of x times each element of y that it is part of. */
  double products(Shape x) {
    return 2.0 * x.product(0, 2) * taps(rows.taps((int) x.dim(2))) * taps(columns.taps((int) x.dim(3)));
  }

  private static long taps(Taps taps) {
    long sum = 0;
    for (double[] weights : taps.weights()) {
      sum += weights.length;
    }
    return sum;
  }
}
