package dev.tenon.kernels.cpu;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** What {@link RowKernel} computes on one row. Sums go lane by lane and then over the lanes, in the same order always. */
final class RowMaps {
  private RowMaps() {}

  private static FloatVector load(float[] x, int i) {
    return FloatVector.fromArray(Simd.F32, x, i);
  }

  /** Sets what lies beyond {@code n}, up to the next whole vector, to {@code value}. */
  private static void pad(float[] x, int n, float value) {
    Arrays.fill(x, n, Rows.padded(n), value);
  }

  /** Sum of a row, which is padded with zeros from now on. */
  static float sum(float[] x, int n) {
    pad(x, n, 0);
    FloatVector sum = FloatVector.zero(Simd.F32);
    for (int i = 0; i < n; i += Simd.LANES) {
      sum = sum.add(load(x, i));
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  /** Sum of the products of two rows, of which one is padded with zeros and the other with numbers. */
  static float dot(float[] x, float[] y, int n) {
    FloatVector sum = FloatVector.zero(Simd.F32);
    for (int i = 0; i < n; i += Simd.LANES) {
      sum = load(x, i).fma(load(y, i), sum);
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  /** The largest element of a row, which is padded with −∞ from now on. */
  static float max(float[] x, int n) {
    pad(x, n, Float.NEGATIVE_INFINITY);
    FloatVector max = load(x, 0);
    for (int i = Simd.LANES; i < n; i += Simd.LANES) {
      max = max.max(load(x, i));
    }
    return max.reduceLanes(VectorOperators.MAX);
  }

  /** Writes {@code exp(x − shift)} of a row padded with −∞ and answers its sum. */
  static float expSum(float[] x, float[] y, int n, float shift) {
    FloatVector sum = FloatVector.zero(Simd.F32);
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector e = VectorMath.exp(load(x, i).sub(shift));
      e.intoArray(y, i);
      sum = sum.add(e);
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  static void softmax(float[] x, float[] y, int n) {
    float scale = 1 / expSum(x, y, n, max(x, n));
    for (int i = 0; i < n; i += Simd.LANES) {
      load(y, i).mul(scale).intoArray(y, i);
    }
  }

  static void softmaxGrad(float[] y, float[] g, float[] out, int n) {
    pad(y, n, 0);
    pad(g, n, 0);
    float dot = dot(y, g, n);
    for (int i = 0; i < n; i += Simd.LANES) {
      load(g, i).sub(dot).mul(load(y, i)).intoArray(out, i);
    }
  }

  static void logSoftmax(float[] x, float[] y, int n) {
    float max = max(x, n);
    double lse = max + Math.log(expSum(x, y, n, max));
    for (int i = 0; i < n; i++) {
      y[i] = (float) (x[i] - lse);
    }
  }

  static void logSoftmaxGrad(float[] y, float[] g, float[] out, int n) {
    float sum = sum(g, n);
    for (int i = 0; i < n; i += Simd.LANES) {
      load(g, i).sub(VectorMath.exp(load(y, i)).mul(sum)).intoArray(out, i);
    }
  }

  /** Operands x and, if affine, weight and bias; results y, mean and rstd. */
  static void layerNorm(float[][] in, float[][] out, int n, boolean affine, double eps) {
    float[] x = in[0];
    float[] y = out[0];
    float mean = sum(x, n) / n;
    for (int i = 0; i < n; i += Simd.LANES) {
      load(x, i).sub(mean).intoArray(y, i);
    }
    pad(y, n, 0);
    float rstd = (float) (1 / Math.sqrt(dot(y, y, n) / n + eps));
    out[1][0] = mean;
    out[2][0] = rstd;
    if (affine) {
      for (int i = 0; i < n; i += Simd.LANES) {
        load(y, i).mul(rstd).fma(load(in[1], i), load(in[2], i)).intoArray(y, i);
      }
    } else {
      for (int i = 0; i < n; i += Simd.LANES) {
        load(y, i).mul(rstd).intoArray(y, i);
      }
    }
  }

  /** Operands z and gate. */
  static void gatedGelu(float[][] in, float[][] out, int n) {
    float gate = in[1][0];
    for (int i = 0; i < n; i += Simd.LANES) {
      VectorMath.gelu(load(in[0], i).mul(gate)).intoArray(out[0], i);
    }
  }

  /** Operands z, gate and gradOutput; results gradZ and gradGate. */
  static void gatedGeluGrad(float[][] in, float[][] out, int n) {
    float gate = in[1][0];
    pad(in[0], n, 0);
    pad(in[2], n, 0);
    FloatVector sum = FloatVector.zero(Simd.F32);
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector z = load(in[0], i);
      FloatVector g = VectorMath.geluSlope(z.mul(gate)).mul(load(in[2], i));
      g.mul(gate).intoArray(out[0], i);
      sum = g.fma(z, sum);
    }
    out[1][0] = sum.reduceLanes(VectorOperators.ADD);
  }
}
