package dev.tenon.kernels.cpu;

import jdk.incubator.vector.FloatVector;

/** Layer norm and its gradients on rows in memory. */
final class NormMaps {
  private NormMaps() {}

  /** Operands x and, if affine, weight and bias; results y, mean and rstd; {@code size} elements in rows of {@code n}. */
  static void layerNorm(long[] in, long[] out, int size, int n, double eps) {
    for (int row = 0; row < size / n; row++) {
      long x = in[0] + (long) row * n * Float.BYTES;
      long y = out[0] + (long) row * n * Float.BYTES;
      statistics(x, n, eps, row, out);
      float mean = Native.get(out[1], row);
      float rstd = Native.get(out[2], row);
      if (in.length == 1) {
        normalize(x, n, mean, rstd, y);
      } else {
        normalize(x, n, mean, rstd, in[1], in[2], y);
      }
    }
  }

  /**
   * The mean and the reciprocal standard deviation of a row. One method, too long to become part of its caller (see {@link VectorMath}).
   */
  private static void statistics(long x, int n, double eps, int row, long[] out) {
    int l = Simd.LANES;
    int last = Native.last(n);
    FloatVector zero = FloatVector.zero(Simd.F32);
    FloatVector s0 = zero;
    FloatVector s1 = zero;
    FloatVector s2 = zero;
    FloatVector s3 = zero;
    int i = 0;
    for (; i <= n - 4 * l; i += 4 * l) {
      s0 = s0.add(Native.load(x, i));
      s1 = s1.add(Native.load(x, i + l));
      s2 = s2.add(Native.load(x, i + 2 * l));
      s3 = s3.add(Native.load(x, i + 3 * l));
    }
    for (; i < n; i += l) {
      s0 = s0.add(zero.blend(Native.load(x, Math.min(i, last)), VectorMath.rest(i, n)));
    }
    float mean = VectorMath.total(s0.add(s1).add(s2.add(s3))) / n;
    FloatVector m = FloatVector.broadcast(Simd.F32, mean);
    s0 = zero;
    s1 = zero;
    s2 = zero;
    s3 = zero;
    for (i = 0; i <= n - 4 * l; i += 4 * l) {
      FloatVector d0 = Native.load(x, i).sub(m);
      FloatVector d1 = Native.load(x, i + l).sub(m);
      FloatVector d2 = Native.load(x, i + 2 * l).sub(m);
      FloatVector d3 = Native.load(x, i + 3 * l).sub(m);
      s0 = d0.fma(d0, s0);
      s1 = d1.fma(d1, s1);
      s2 = d2.fma(d2, s2);
      s3 = d3.fma(d3, s3);
    }
    for (; i < n; i += l) {
      FloatVector d = zero.blend(Native.load(x, Math.min(i, last)).sub(m), VectorMath.rest(i, n));
      s0 = d.fma(d, s0);
    }
    Native.set(out[1], row, mean);
    Native.set(out[2], row, (float) (1 / Math.sqrt(VectorMath.total(s0.add(s1).add(s2.add(s3))) / n + eps)));
  }

  private static void normalize(long x, int n, float mean, float rstd, long y) {
    int last = Native.last(n);
    for (int i = 0; i < n; i += Simd.LANES) {
      int at = Math.min(i, last);
      Native.store(Native.load(x, at).sub(mean).mul(rstd), y, at);
    }
  }

  private static void normalize(long x, int n, float mean, float rstd, long weight, long bias, long y) {
    int last = Native.last(n);
    for (int i = 0; i < n; i += Simd.LANES) {
      int at = Math.min(i, last);
      Native.store(Native.load(x, at).sub(mean).mul(rstd).fma(Native.load(weight, at), Native.load(bias, at)), y, at);
    }
  }

  /**
   * Turns a row of gradients g into those of x, and adds to the gradients of weight and bias. {@code n} elements are the row; all of its
   * vectors are worked on, and where they reach beyond it, g and x are zero.
   */
  static void gradients(
      long g, long x, int n, float mean, float rstd, float[] weight, long gradX, float[] gradWeight, float[] gradBias) {
    FloatVector m = FloatVector.broadcast(Simd.F32, mean);
    FloatVector s = FloatVector.broadcast(Simd.F32, rstd);
    FloatVector sum = FloatVector.zero(Simd.F32);
    FloatVector dot = FloatVector.zero(Simd.F32);
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector grad = Native.load(g, i);
      FloatVector y = Native.load(x, i).sub(m).mul(s);
      FloatVector weighed = grad.mul(FloatVector.fromArray(Simd.F32, weight, i));
      sum = sum.add(weighed);
      dot = weighed.fma(y, dot);
      grad.fma(y, FloatVector.fromArray(Simd.F32, gradWeight, i)).intoArray(gradWeight, i);
      grad.add(FloatVector.fromArray(Simd.F32, gradBias, i)).intoArray(gradBias, i);
    }
    FloatVector average = FloatVector.broadcast(Simd.F32, VectorMath.total(sum) / n);
    FloatVector slope = FloatVector.broadcast(Simd.F32, VectorMath.total(dot) / n);
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector along = Native.load(x, i).sub(m).mul(s).mul(slope);
      FloatVector weighed = Native.load(g, i).mul(FloatVector.fromArray(Simd.F32, weight, i));
      Native.store(weighed.sub(average).sub(along).mul(s), gradX, i);
    }
  }
}
