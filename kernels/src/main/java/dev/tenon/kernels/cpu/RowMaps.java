package dev.tenon.kernels.cpu;

import jdk.incubator.vector.FloatVector;

/**
 * What {@link RowKernel} computes on blocks of rows. Loops work on whole vectors: what they write beyond a row, the next one writes
 * anew.
 */
final class RowMaps {
  private RowMaps() {}

  /** {@code size} elements in rows of {@code n}, all rows a step at a time: a row's steps have to wait for each other, rows do not. */
  static void softmax(float[] x, float[] y, int size, int n) {
    float[] powers = Scratch.array(Scratch.ROOM, x.length);
    float[] factors = new float[size / n];
    for (int r = 0; r < factors.length; r++) {
      factors[r] = VectorMath.peak(x, r * n, n);
    }
    for (int r = 0; r < factors.length; r++) {
      VectorMath.decay(x, 1, -factors[r], powers, r * n, n);
    }
    for (int r = 0; r < factors.length; r++) {
      factors[r] = 1 / VectorMath.sum(powers, r * n, n);
    }
    for (int r = 0; r < factors.length; r++) {
      scale(powers, r * n, n, factors[r], y);
    }
  }

  /** {@code scale·x}; y may be x where rows are whole vectors apart. */
  static void scale(float[] x, int at, int n, float scale, float[] y) {
    for (int i = at; i < at + n; i += Simd.LANES) {
      FloatVector.fromArray(Simd.F32, x, i).mul(scale).intoArray(y, i);
    }
  }

  static void softmaxGrad(float[] y, float[] g, float[] out, int size, int n) {
    for (int at = 0; at < size; at += n) {
      softmaxGrad(y, g, at, n, VectorMath.dot(y, g, at, n), out);
    }
  }

  /** {@code y·(g − dot)}; out may be g where rows are whole vectors apart. */
  static void softmaxGrad(float[] y, float[] g, int at, int n, float dot, float[] out) {
    for (int i = at; i < at + n; i += Simd.LANES) {
      FloatVector.fromArray(Simd.F32, g, i).sub(dot).mul(FloatVector.fromArray(Simd.F32, y, i)).intoArray(out, i);
    }
  }

  static void logSoftmax(float[] x, float[] y, int size, int n) {
    for (int at = 0; at < size; at += n) {
      float max = VectorMath.max(x, at, n);
      VectorMath.exp(x, 1, -max, y, at, n);
      double lse = max + Math.log(VectorMath.sum(y, at, n));
      for (int i = at; i < at + n; i++) {
        y[i] = (float) (x[i] - lse);
      }
    }
  }

  static void logSoftmaxGrad(float[] y, float[] g, float[] out, int size, int n) {
    for (int at = 0; at < size; at += n) {
      float sum = VectorMath.sum(g, at, n);
      VectorMath.exp(y, 1, 0, out, at, n);
      for (int i = at; i < at + n; i++) {
        out[i] = g[i] - out[i] * sum;
      }
    }
  }

  /** Operands z and gate; one gate for {@code width} channels. {@code room} is as long as the result. */
  static void gatedGelu(float[] z, float[] gate, float[] room, float[] y, int size, int width) {
    gated(z, gate, room, size, width);
    UnaryMaps.gelu(room, y, size);
  }

  /** Operands z, gate and gradOutput; results gradZ and gradGate, the latter summed over the channels of each expert. */
  static void gatedGeluGrad(float[][] in, float[] room, float[] gradZ, float[] gradGate, int size, int width) {
    gated(in[0], in[1], gradZ, size, width);
    UnaryMaps.geluGrad(gradZ, in[2], room, size);
    gated(room, in[1], gradZ, size, width);
    for (int e = 0; e < size / width; e++) {
      gradGate[e] = VectorMath.dot(room, in[0], e * width, width);
    }
  }

  /** Multiplies each {@code width} elements by an element of their own. */
  private static void gated(float[] x, float[] gate, float[] y, int size, int width) {
    for (int e = 0; e < size / width; e++) {
      FloatVector factor = FloatVector.broadcast(Simd.F32, gate[e]);
      for (int i = e * width; i < (e + 1) * width; i += Simd.LANES) {
        FloatVector.fromArray(Simd.F32, x, i).mul(factor).intoArray(y, i);
      }
    }
  }
}
