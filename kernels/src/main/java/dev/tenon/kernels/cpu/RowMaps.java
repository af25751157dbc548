package dev.tenon.kernels.cpu;

/** What {@link RowKernel} computes on one row. */
final class RowMaps {
  private RowMaps() {}

  static void softmax(float[] x, float[] y, int n) {
    VectorMath.exp(x, 1, -VectorMath.max(x, 0, n), y, 0, n);
    UnaryMaps.affine(y, y, n, 1 / VectorMath.sum(y, 0, n), 0);
  }

  static void softmaxGrad(float[] y, float[] g, float[] out, int n) {
    float dot = VectorMath.dot(y, g, n);
    for (int i = 0; i < n; i++) {
      out[i] = y[i] * (g[i] - dot);
    }
  }

  static void logSoftmax(float[] x, float[] y, int n) {
    float max = VectorMath.max(x, 0, n);
    VectorMath.exp(x, 1, -max, y, 0, n);
    double lse = max + Math.log(VectorMath.sum(y, 0, n));
    for (int i = 0; i < n; i++) {
      y[i] = (float) (x[i] - lse);
    }
  }

  static void logSoftmaxGrad(float[] y, float[] g, float[] out, int n) {
    float sum = VectorMath.sum(g, 0, n);
    VectorMath.exp(y, 1, 0, out, 0, n);
    for (int i = 0; i < n; i++) {
      out[i] = g[i] - out[i] * sum;
    }
  }

  /** Operands x and, if affine, weight and bias; results y, mean and rstd. */
  static void layerNorm(float[][] in, float[][] out, int n, double eps) {
    float[] y = out[0];
    float mean = VectorMath.sum(in[0], 0, n) / n;
    UnaryMaps.affine(in[0], y, n, 1, -mean);
    float rstd = (float) (1 / Math.sqrt(VectorMath.dot(y, y, n) / n + eps));
    UnaryMaps.affine(y, y, n, rstd, 0);
    if (in.length > 1) {
      float[] weight = in[1];
      float[] bias = in[2];
      for (int i = 0; i < n; i++) {
        y[i] = y[i] * weight[i] + bias[i];
      }
    }
    out[1][0] = mean;
    out[2][0] = rstd;
  }

  /** Operands z and gate, one gate a channel. */
  static void gatedGelu(float[][] in, float[][] out, int n) {
    float[] gated = new float[in[0].length];
    BinaryMaps.multiply(in[0], in[1], gated, n);
    UnaryMaps.gelu(gated, out[0], n);
  }

  /** Operands z, gate and gradOutput; results gradZ and gradGate, the latter summed over the channels of each expert. */
  static void gatedGeluGrad(float[][] in, float[][] out, int n, int experts) {
    float[] gradGated = new float[in[0].length];
    BinaryMaps.multiply(in[0], in[1], out[0], n);
    UnaryMaps.geluGrad(out[0], in[2], gradGated, n);
    BinaryMaps.multiply(gradGated, in[1], out[0], n);
    BinaryMaps.multiply(gradGated, in[0], gradGated, n);
    for (int e = 0; e < experts; e++) {
      out[1][e] = VectorMath.sum(gradGated, e * (n / experts), n / experts);
    }
  }
}
