package dev.tenon.kernels.conformance;

import static dev.tenon.kernels.conformance.ErrorBound.SLACK;
import static dev.tenon.kernels.conformance.ErrorBound.U;
import static dev.tenon.kernels.conformance.UnaryBound.ULPS;

import dev.tenon.engine.op.Ref;
import java.util.Arrays;
import java.util.List;

/** Bounds for the softmax family: exponentials good to a few units, their arguments rounded, and sums over a line. */
final class RowBound {
  private RowBound() {}

  /** The bounds along one line of the operands. */
  interface Line {
    double[] of(double[] x, double[] y);
  }

  /** Applies {@code line} along every line of dimension {@code axis} of two tensors of {@code shape}'s shape. */
  static List<double[]> of(int axis, Ref shape, Line line, Ref x, Ref y) {
    int a = shape.shape().axis(axis);
    int length = shape.dim(a);
    int inner = (int) shape.shape().product(a + 1, shape.rank());
    double[] bound = new double[shape.size()];
    for (int start = 0; start < shape.size(); start++) {
      if (start / inner % length == 0) {
        double[] values = line.of(take(x, start, inner, length), take(y, start, inner, length));
        for (int i = 0; i < length; i++) {
          bound[start + i * inner] = SLACK * U * values[i];
        }
      }
    }
    return List.of(bound);
  }

  private static double[] take(Ref ref, int start, int inner, int length) {
    double[] line = new double[length];
    Arrays.setAll(line, i -> ref.v()[start + i * inner]);
    return line;
  }

  private static double max(double[] x) {
    return Arrays.stream(x).max().orElse(0);
  }

  /** Roundoffs of a sum of {@code exp(x − max)}, relative to it. */
  static double sumOfExp(double[] x) {
    return x.length + ULPS + 2 * (max(x) - Arrays.stream(x).min().orElse(0));
  }

  static double[] softmax(double[] x, double[] y) {
    double sum = sumOfExp(x);
    double max = max(x);
    double[] bound = new double[x.length];
    Arrays.setAll(bound, i -> y[i] * (sum + ULPS + 2 * (max - x[i]) + 2));
    return bound;
  }

  static double[] softmaxGrad(double[] y, double[] g) {
    double dot = 0;
    for (int i = 0; i < y.length; i++) {
      dot += Math.abs(y[i] * g[i]);
    }
    double size = dot;
    double[] bound = new double[y.length];
    Arrays.setAll(bound, i -> (y.length + 3) * Math.abs(y[i]) * (Math.abs(g[i]) + size));
    return bound;
  }

  static double[] logSoftmax(double[] x, double[] y) {
    double sum = sumOfExp(x);
    double max = Math.abs(max(x));
    double[] bound = new double[x.length];
    Arrays.setAll(bound, i -> sum + ULPS * (Math.abs(x[i] - y[i]) + max) + 2 * Math.abs(x[i]) + 2);
    return bound;
  }

  static double[] logSoftmaxGrad(double[] y, double[] g) {
    double sum = Arrays.stream(g).map(Math::abs).sum();
    double[] bound = new double[y.length];
    Arrays.setAll(bound, i -> (y.length + ULPS + 2 * Math.abs(y[i]) + 2) * Math.exp(y[i]) * sum + 2 * Math.abs(g[i]));
    return bound;
  }
}
