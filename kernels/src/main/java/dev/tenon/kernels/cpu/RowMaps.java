package dev.tenon.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * What {@link RowKernel} computes on rows, in memory or in arrays. On arrays loops work on whole vectors: what they write beyond a row,
 * the next one writes anew.
 */
final class RowMaps {
  /** Elements of rows whose softmax is worked on together: few enough that writing them ends while the next ones are worked on. */
  private static final int BLOCK = 512;

  private RowMaps() {}

  /**
   * {@code size} elements in rows of {@code n}, some rows a step at a time: a row's steps have to wait for each other, rows do not.
   * Powers are in rows of whole vectors.
   */
  static void softmax(long x, long y, int size, int n) {
    int pitch = Rows.padded(n);
    int block = Math.max(1, BLOCK / pitch);
    float[] powers = Scratch.array(Scratch.ROOM, block * pitch);
    float[] factors = new float[block];
    for (int row = 0; row < size / n; row += block) {
      int rows = Math.min(block, size / n - row);
      long at = (long) row * n * Float.BYTES;
      long step = (long) n * Float.BYTES;
      for (int r = 0; r < rows; r++) {
        factors[r] = peak(x + at + r * step, n, powers, r * pitch);
      }
      for (int r = 0; r < rows; r++) {
        factors[r] = 1 / VectorMath.decay(powers, 1, -factors[r], powers, r * pitch, n);
      }
      for (int r = 0; r < rows; r++) {
        scale(powers, r * pitch, n, factors[r], y + at + r * step);
      }
    }
  }

  /** Copies a row to {@code to} and says what its largest element is, NaNs left out. */
  private static float peak(long x, int n, float[] to, int start) {
    FloatVector m0 = FloatVector.broadcast(Simd.F32, Float.NEGATIVE_INFINITY);
    FloatVector m1 = m0;
    int last = Native.last(n);
    int i = 0;
    for (; i <= n - 2 * Simd.LANES; i += 2 * Simd.LANES) {
      FloatVector v0 = Native.load(x, i);
      FloatVector v1 = Native.load(x, i + Simd.LANES);
      v0.intoArray(to, start + i);
      v1.intoArray(to, start + i + Simd.LANES);
      m0 = m0.blend(v0, v0.compare(VectorOperators.GT, m0));
      m1 = m1.blend(v1, v1.compare(VectorOperators.GT, m1));
    }
    for (; i < n; i += Simd.LANES) {
      int at = Math.min(i, last);
      FloatVector v = Native.load(x, at);
      v.intoArray(to, start + at);
      m0 = m0.blend(v, v.compare(VectorOperators.GT, m0).and(Simd.F32.indexInRange(at, n)));
    }
    return VectorMath.largest(m0.blend(m1, m1.compare(VectorOperators.GT, m0)));
  }

  private static void scale(float[] x, int start, int n, float scale, long y) {
    FloatVector factor = FloatVector.broadcast(Simd.F32, scale);
    int last = Native.last(n);
    for (int i = 0; i < n; i += Simd.LANES) {
      int at = Math.min(i, last);
      Native.store(FloatVector.fromArray(Simd.F32, x, start + at).mul(factor), y, at);
    }
  }

  /** {@code scale·x}; y may be x where rows are whole vectors apart. */
  static void scale(float[] x, int at, int n, float scale, float[] y) {
    for (int i = at; i < at + n; i += Simd.LANES) {
      FloatVector.fromArray(Simd.F32, x, i).mul(scale).intoArray(y, i);
    }
  }

  static void softmaxGrad(long y, long g, long out, int size, int n) {
    int last = Native.last(n);
    for (int row = 0; row < size / n; row++) {
      long start = (long) row * n * Float.BYTES;
      FloatVector dot = FloatVector.broadcast(Simd.F32, VectorMath.dot(y + start, g + start, n));
      for (int i = 0; i < n; i += Simd.LANES) {
        int at = Math.min(i, last);
        Native.store(Native.load(g + start, at).sub(dot).mul(Native.load(y + start, at)), out + start, at);
      }
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

  /** Operands z and gate, which has an element for each {@code width} of z. */
  static void gatedGelu(long[] in, long[] out, int size, int width) {
    int block = Math.max(1, Rows.BLOCK / width);
    long room = Scratch.memory(Scratch.ROOM, block * width).address();
    for (int row = 0; row < size / width; row += block) {
      int rows = Math.min(block, size / width - row);
      long start = (long) row * width * Float.BYTES;
      gated(in[0] + start, in[1] + (long) row * Float.BYTES, room, rows, width);
      GeluMaps.gelu(room, out[0] + start, rows * width);
    }
  }

  /** Operands z, gate and gradOutput; results gradZ and gradGate, the latter summed over the channels of each expert. */
  static void gatedGeluGrad(long[] in, long[] out, int size, int width) {
    int block = Math.max(1, Rows.BLOCK / width);
    long room = Scratch.memory(Scratch.ROOM, 2 * Rows.padded(block * width)).address();
    long slope = room + (long) Rows.padded(block * width) * Float.BYTES;
    for (int row = 0; row < size / width; row += block) {
      int rows = Math.min(block, size / width - row);
      long start = (long) row * width * Float.BYTES;
      long gate = in[1] + (long) row * Float.BYTES;
      gated(in[0] + start, gate, room, rows, width);
      GeluMaps.gradient(room, in[2] + start, slope, rows * width);
      gated(slope, gate, out[0] + start, rows, width);
      for (int r = 0; r < rows; r++) {
        long at = (long) r * width * Float.BYTES;
        Native.set(out[1], row + r, VectorMath.dot(slope + at, in[0] + start + at, width));
      }
    }
  }

  /** Multiplies each {@code width} elements by an element of their own. */
  private static void gated(long x, long gate, long y, int rows, int width) {
    int last = Native.last(width);
    for (int r = 0; r < rows; r++) {
      FloatVector factor = FloatVector.broadcast(Simd.F32, Native.get(gate, r));
      for (int i = 0; i < width; i += Simd.LANES) {
        int at = r * width + Math.min(i, last);
        Native.store(Native.load(x, at).mul(factor), y, at);
      }
    }
  }
}
