package dev.tenon.kernels.conformance;

import static dev.tenon.kernels.conformance.ErrorBound.SLACK;
import static dev.tenon.kernels.conformance.ErrorBound.U;
import static dev.tenon.kernels.conformance.UnaryBound.ULPS;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.Ref;
import java.util.ArrayList;
import java.util.List;

/**
 * Bounds for attention: rounding errors of scores, what exponentials make of them, and those of the sums that follow.
 *
 * <p>Tensor cores take rounded factors: probabilities, which weigh values and gradients of o, and gradients of scores, which weigh queries
 * and keys. A result is off by the largest relative error of a factor, times the sum of all weighted on absolute values. Sums of
 * probabilities, and of a bias' gradients, are of numbers that have not been rounded.
 *
 * @param between largest relative error of a factor that is rounded, 0 where none is
 */
record AttentionBound(double scale, boolean causal, boolean bias, double between) {
  /** One query's scores: their values, and how far they may be off. */
  record Scores(double[] value, double[] off, double lse, double max) {
    double probability(int j, double normalizer) {
      return value[j] == Double.NEGATIVE_INFINITY ? 0 : Math.exp(value[j] - normalizer);
    }

    double worst() {
      double worst = 0;
      for (int j = 0; j < off.length; j++) {
        worst = value[j] == Double.NEGATIVE_INFINITY ? worst : Math.max(worst, off[j]);
      }
      return worst;
    }

    double range() {
      double least = max;
      for (double v : value) {
        least = v == Double.NEGATIVE_INFINITY ? least : Math.min(least, v);
      }
      return max - least;
    }
  }

  /** Where things are: row {@code (b·H + h)·Nq + i} of the scores. */
  record Heads(int queries, int keys, int heads, int d) {
    static Heads of(Ref q, Ref k) {
      return new Heads(q.dim(1), k.dim(1), q.dim(2), q.dim(3));
    }

    int query(int row) {
      return ((row / queries / heads * queries + row % queries) * heads + row / queries % heads) * d;
    }

    int key(int row, int j) {
      return ((row / queries / heads * keys + j) * heads + row / queries % heads) * d;
    }
  }

  Scores scores(Heads at, int row, Ref q, Ref k, Ref biases) {
    double[] value = new double[at.keys];
    double[] off = new double[at.keys];
    double max = Double.NEGATIVE_INFINITY;
    Layout seen = bias
        ? Layout.contiguous(biases.shape()).expand(Shape.of(Attention.biases(biases.shape()), at.heads, at.queries, at.keys)) : null;
    for (int j = 0; j < at.keys; j++) {
      double size = 0;
      for (int c = 0; c < at.d; c++) {
        double product = scale * q.v()[at.query(row) + c] * k.v()[at.key(row, j) + c];
        value[j] += product;
        size += Math.abs(product);
      }
      if (bias) {
        int head = row / at.queries;
        double b = biases.v()[(int) (head / at.heads % seen.shape().dim(0) * seen.stride(0) + head % at.heads * seen.stride(1)
            + row % at.queries * seen.stride(2) + j * seen.stride(3))];
        value[j] += b;
        size += Math.abs(b);
      }
      off[j] = U * (at.d + 4) * size;
      value[j] = causal && j > row % at.queries ? Double.NEGATIVE_INFINITY : value[j];
      max = Math.max(max, value[j]);
    }
    double sum = 0;
    for (double v : value) {
      sum += v == Double.NEGATIVE_INFINITY ? 0 : Math.exp(v - max);
    }
    return new Scores(value, off, max + Math.log(sum), max);
  }

  List<double[]> forward(List<Ref> in, List<Ref> out) {
    Heads at = Heads.of(in.get(0), in.get(1));
    double[] v = in.get(2).v();
    double[] o = new double[out.get(0).size()];
    double[] lse = new double[out.get(1).size()];
    for (int row = 0; row < lse.length; row++) {
      Scores s = scores(at, row, in.get(0), in.get(1), bias ? in.get(3) : null);
      if (s.max == Double.NEGATIVE_INFINITY) {
        continue;
      }
      double sum = s.worst() + U * (at.keys + ULPS + 2 * s.range());
      lse[row] = SLACK * (sum + ULPS * U * (Math.abs(s.lse) + Math.abs(s.max)));
      for (int j = 0; j < at.keys; j++) {
        double p = s.probability(j, s.lse);
        double relative = s.off[j] + sum + U * (ULPS + 2 * s.range() + at.keys + 3) + between;
        for (int c = 0; c < at.d; c++) {
          o[at.query(row) + c] += SLACK * p * relative * Math.abs(v[at.key(row, j) + c]);
        }
      }
    }
    return List.of(o, lse);
  }

  List<double[]> backward(List<Ref> in) {
    Heads at = Heads.of(in.get(1), in.get(2));
    List<double[]> bounds = new ArrayList<>();
    in.subList(1, 4).forEach(r -> bounds.add(new double[r.size()]));
    Layout seen = null;
    if (bias) {
      bounds.add(new double[in.get(6).size()]);
      Shape shape = Shape.of(Attention.biases(in.get(6).shape()), at.heads, at.queries, at.keys);
      seen = Layout.contiguous(in.get(6).shape()).expand(shape);
    }
    double[] lse = in.get(5).v();
    double rows = (double) lse.length;
    for (int row = 0; row < lse.length; row++) {
      Scores s = scores(at, row, in.get(1), in.get(2), bias ? in.get(6) : null);
      for (int j = 0; j < at.keys && s.max != Double.NEGATIVE_INFINITY; j++) {
        // The kernels take the log-sum-exp that they are given; the definition computes it again.
        double p = Math.max(s.probability(j, lse[row]), s.probability(j, s.lse));
        if (p == 0) {
          continue;
        }
        double relative = s.off[j] + U * (ULPS + 2 * (Math.abs(s.value[j]) + Math.abs(lse[row])));
        score(at, row, j, p, relative, in, bounds);
        if (bias) {
          int head = row / at.queries;
          int i = (int) (head / at.heads % seen.shape().dim(0) * seen.stride(0) + head % at.heads * seen.stride(1)
              + row % at.queries * seen.stride(2) + j * seen.stride(3));
          bounds.get(3)[i] += SLACK * p * (relative + (at.d + 4 + rows) * U) * gradient(at, row, j, in);
        }
      }
    }
    return bounds;
  }

  /** Size of the gradient of probability (row, j) less its mean. */
  private static double gradient(Heads at, int row, int j, List<Ref> in) {
    double size = 0;
    for (int c = 0; c < at.d; c++) {
      double g = in.get(0).v()[at.query(row) + c];
      size += Math.abs(g * in.get(3).v()[at.key(row, j) + c]) + Math.abs(g * in.get(4).v()[at.query(row) + c]);
    }
    return size;
  }

  /** The gradient of probability (row, j) less its mean. */
  static double slope(Heads at, int row, int j, List<Ref> in) {
    double slope = 0;
    for (int c = 0; c < at.d; c++) {
      slope += in.get(0).v()[at.query(row) + c] * (in.get(3).v()[at.key(row, j) + c] - in.get(4).v()[at.query(row) + c]);
    }
    return slope;
  }

  private void score(Heads at, int row, int j, double p, double relative, List<Ref> in, List<double[]> bounds) {
    double size = Math.abs(scale) * p * gradient(at, row, j, in);
    double offScore = relative + (at.d + 6) * U;
    double rounded = SLACK * between * Math.abs(scale) * p * Math.abs(slope(at, row, j, in));
    for (int c = 0; c < at.d; c++) {
      int qi = at.query(row) + c;
      int kj = at.key(row, j) + c;
      bounds.get(0)[qi] += (SLACK * (offScore + at.keys * U) * size + rounded) * Math.abs(in.get(2).v()[kj]);
      // For keys they may be made of probabilities that were rounded themselves, for gradV.
      bounds.get(1)[kj] += (SLACK * (offScore + at.queries * U) * size + 2 * rounded) * Math.abs(in.get(1).v()[qi]);
      bounds.get(2)[kj] += SLACK * (relative + (at.queries + 2) * U + between) * p * Math.abs(in.get(0).v()[qi]);
    }
  }
}
