package dev.tenon.kernels.conformance;

import static dev.tenon.kernels.conformance.ErrorBound.SLACK;
import static dev.tenon.kernels.conformance.ErrorBound.U;

import dev.tenon.engine.op.BatchNormGrad;
import dev.tenon.engine.op.LayerNorm;
import dev.tenon.engine.op.LayerNormGrad;
import dev.tenon.engine.op.Ref;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;

/**
 * Bounds for normalizations. Elements are in groups that share mean and variance: rows, or channels.
 *
 * @param group of an element
 * @param weight index of an element's weight
 * @param count elements in a group
 */
record NormBound(IntUnaryOperator group, IntUnaryOperator weight, int groups, int count) {
  /** Roundings of a reciprocal square root and of what is multiplied with it. */
  private static final double ROOT = 6;

  private static NormBound rows(Ref x, int dims) {
    int n = (int) x.shape().product(x.rank() - dims, x.rank());
    return new NormBound(i -> i / n, i -> i % n, (int) x.shape().product(0, x.rank() - dims), n);
  }

  private static NormBound channels(Ref x) {
    int inner = (int) x.shape().product(2, x.rank());
    int channels = x.dim(1);
    IntUnaryOperator channel = i -> i / inner % channels;
    return new NormBound(channel, channel, channels, channels == 0 ? 0 : x.size() / channels);
  }

  static List<double[]> of(LayerNorm norm, List<Ref> in, List<Ref> out) {
    double[] rstd = out.get(2).v();
    double[] weight = norm.affine() ? in.get(1).v() : null;
    return rows(in.getFirst(), norm.dims()).forward(in.getFirst().v(), weight, norm.affine() ? in.get(2).v() : null,
        out.get(1).v(), rstd, false);
  }

  static List<double[]> batchNorm(List<Ref> in, List<Ref> out) {
    return channels(in.getFirst()).forward(
        in.get(0).v(), in.get(1).v(), in.get(2).v(), out.get(1).v(), null, true);
  }

  /** Bounds of y, mean, and the variance or the reciprocal deviation. */
  private List<double[]> forward(double[] x, double[] w, double[] b, double[] mean, double[] givenRstd, boolean variances) {
    double[] size = new double[groups];
    double[] variance = new double[groups];
    for (int i = 0; i < x.length; i++) {
      int g = group.applyAsInt(i);
      size[g] += Math.abs(x[i]) / count;
      variance[g] += (x[i] - mean[g]) * (x[i] - mean[g]) / count;
    }
    double[] offMean = Arrays.stream(size).map(s -> SLACK * U * (count + 1) * s).toArray();
    double[] offVariance = new double[groups];
    for (int i = 0; i < x.length; i++) {
      int g = group.applyAsInt(i);
      double centered = Math.abs(x[i] - mean[g]);
      double off = offMean[g] + U * centered;
      offVariance[g] += SLACK * (2 * centered * off + off * off + (count + 2) * U * centered * centered) / count;
    }
    double[] offRoot = new double[groups];
    double[] rstd = new double[groups];
    for (int g = 0; g < groups; g++) {
      // The reciprocal root of variance + eps; where only the variance is known, eps is left out, which makes the bound larger.
      rstd[g] = givenRstd != null ? givenRstd[g] : 1 / Math.sqrt(Math.max(variance[g], 1e-3));
      offRoot[g] = 0.5 * offVariance[g] * rstd[g] * rstd[g] + ROOT * U;
    }
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      int g = group.applyAsInt(i);
      double scale = w == null ? 1 : Math.abs(w[weight.applyAsInt(i)]);
      double centered = Math.abs(x[i] - mean[g]);
      y[i] = SLACK * scale * rstd[g] * (offMean[g] + centered * (offRoot[g] + 4 * U))
          + (b == null ? 0 : SLACK * U * Math.abs(b[weight.applyAsInt(i)]));
    }
    double[] spread = new double[groups];
    Arrays.setAll(spread, g -> variances ? offVariance[g] : SLACK * rstd[g] * offRoot[g]);
    return List.of(y, offMean, spread);
  }

  static List<double[]> of(LayerNormGrad grad, List<Ref> in) {
    List<double[]> bounds = rows(in.get(1), grad.dims()).backward(
        in.get(0).v(), in.get(1).v(), in.get(2).v(), in.get(3).v(), grad.affine() ? in.get(4).v() : null);
    return grad.affine() ? bounds : bounds.subList(0, 1);
  }

  static List<double[]> of(BatchNormGrad grad, List<Ref> in) {
    double[] rstd = Arrays.stream(in.get(3).v()).map(v -> 1 / Math.sqrt(v + grad.eps())).toArray();
    return channels(in.get(1)).backward(in.get(0).v(), in.get(1).v(), in.get(2).v(), rstd, in.get(4).v());
  }

  /** Bounds of gradX, gradWeight and gradBias, the latter two meaningless without weights. */
  private List<double[]> backward(double[] g, double[] x, double[] mean, double[] rstd, double[] w) {
    double[] sum = new double[groups];
    double[] dot = new double[groups];
    double[] gradWeight = new double[w == null ? 0 : w.length];
    double[] gradBias = new double[gradWeight.length];
    double perWeight = w == null || w.length == 0 ? 0 : (double) x.length / w.length;
    for (int i = 0; i < x.length; i++) {
      int at = group.applyAsInt(i);
      double normalized = (Math.abs(x[i]) + Math.abs(mean[at])) * rstd[at];
      double scaled = Math.abs(g[i]) * (w == null ? 1 : Math.abs(w[weight.applyAsInt(i)]));
      sum[at] += scaled / count;
      dot[at] += scaled * normalized / count;
      if (w != null) {
        gradWeight[weight.applyAsInt(i)] += SLACK * U * (perWeight + ROOT) * Math.abs(g[i]) * normalized;
        gradBias[weight.applyAsInt(i)] += SLACK * U * perWeight * Math.abs(g[i]);
      }
    }
    double[] gradX = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      int at = group.applyAsInt(i);
      double normalized = (Math.abs(x[i]) + Math.abs(mean[at])) * rstd[at];
      double scaled = Math.abs(g[i]) * (w == null ? 1 : Math.abs(w[weight.applyAsInt(i)]));
      gradX[i] = SLACK * U * (count + 2 * ROOT) * rstd[at] * (scaled + sum[at] + normalized * dot[at]);
    }
    return List.of(gradX, gradWeight, gradBias);
  }
}
