package dev.tenon.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/** Layer norm and its gradients on a row in an array. Without an affine part the weight is null. */
final class NormMaps {
  private NormMaps() {}

  /** Operands x and, if affine, weight and bias; results y, mean and rstd; {@code size} elements in rows of {@code n}. */
  static void layerNorm(float[][] in, float[][] out, int size, int n, double eps) {
    float[] weight = in.length > 1 ? in[1] : null;
    float[] bias = in.length > 1 ? in[2] : null;
    for (int row = 0; row < size / n; row++) {
      float mean = VectorMath.sum(in[0], row * n, n) / n;
      float rstd = (float) (1 / Math.sqrt(squares(in[0], row * n, n, mean) / n + eps));
      out[1][row] = mean;
      out[2][row] = rstd;
      if (weight == null) {
        normalize(in[0], row * n, n, mean, rstd, out[0]);
      } else {
        normalize(in[0], row * n, n, mean, rstd, weight, bias, out[0]);
      }
    }
  }

  /** Sum of the squares of {@code x − mean}. */
  private static float squares(float[] x, int at, int n, float mean) {
    int l = Simd.LANES;
    FloatVector m = FloatVector.broadcast(Simd.F32, mean);
    FloatVector s0 = FloatVector.zero(Simd.F32);
    FloatVector s1 = FloatVector.zero(Simd.F32);
    FloatVector s2 = FloatVector.zero(Simd.F32);
    FloatVector s3 = FloatVector.zero(Simd.F32);
    int end = at + n;
    int i = at;
    for (; i <= end - 4 * l; i += 4 * l) {
      FloatVector d0 = FloatVector.fromArray(Simd.F32, x, i).sub(m);
      FloatVector d1 = FloatVector.fromArray(Simd.F32, x, i + l).sub(m);
      FloatVector d2 = FloatVector.fromArray(Simd.F32, x, i + 2 * l).sub(m);
      FloatVector d3 = FloatVector.fromArray(Simd.F32, x, i + 3 * l).sub(m);
      s0 = d0.fma(d0, s0);
      s1 = d1.fma(d1, s1);
      s2 = d2.fma(d2, s2);
      s3 = d3.fma(d3, s3);
    }
    for (; i <= end - l; i += l) {
      FloatVector d = FloatVector.fromArray(Simd.F32, x, i).sub(m);
      s0 = d.fma(d, s0);
    }
    if (i < end) {
      VectorMask<Float> rest = Simd.F32.indexInRange(i, end);
      FloatVector d = FloatVector.zero(Simd.F32).blend(FloatVector.fromArray(Simd.F32, x, i, rest).sub(m), rest);
      s1 = d.fma(d, s1);
    }
    return VectorMath.total(s0.add(s1).add(s2.add(s3)));
  }

  private static void normalize(float[] x, int at, int n, float mean, float rstd, float[] y) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector.fromArray(Simd.F32, x, at + i).sub(mean).mul(rstd).intoArray(y, at + i);
    }
  }

  private static void normalize(float[] x, int at, int n, float mean, float rstd, float[] weight, float[] bias, float[] y) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector.fromArray(Simd.F32, x, at + i).sub(mean).mul(rstd)
          .fma(FloatVector.fromArray(Simd.F32, weight, i), FloatVector.fromArray(Simd.F32, bias, i)).intoArray(y, at + i);
    }
  }

  /**
   * Turns a row of gradients g into those of x, with {@code normal} and {@code weighed} as room for a row each, and adds to the gradients
   * of weight and bias. Beyond the row, these hold anything.
   */
  static void gradients(
      float[] g, float[] x, int at, int n, float mean, float rstd, float[] weight, float[] normal, float[] weighed, float[] gradX,
      float[] gradWeight, float[] gradBias) {
    parameters(g, x, at, n, mean, rstd, weight, normal, weighed, gradWeight, gradBias);
    float average = VectorMath.sum(weighed, 0, n) / n;
    float slope = VectorMath.dot(weighed, normal, 0, n) / n;
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector along = FloatVector.fromArray(Simd.F32, normal, i).mul(slope);
      FloatVector.fromArray(Simd.F32, weighed, i).sub(average).sub(along).mul(rstd).intoArray(gradX, at + i);
    }
  }

  private static void parameters(
      float[] g, float[] x, int at, int n, float mean, float rstd, float[] weight, float[] normal, float[] weighed, float[] gradWeight,
      float[] gradBias) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector grad = FloatVector.fromArray(Simd.F32, g, at + i);
      FloatVector y = FloatVector.fromArray(Simd.F32, x, at + i).sub(mean).mul(rstd);
      y.intoArray(normal, i);
      grad.mul(FloatVector.fromArray(Simd.F32, weight, i)).intoArray(weighed, i);
      grad.fma(y, FloatVector.fromArray(Simd.F32, gradWeight, i)).intoArray(gradWeight, i);
      grad.add(FloatVector.fromArray(Simd.F32, gradBias, i)).intoArray(gradBias, i);
    }
  }
}
