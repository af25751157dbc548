package dev.tenon.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * What the compiler does not vectorize by itself: exponentials, and reductions, which go lane by lane and then over the lanes, in the
 * same order always. Loops call nothing but vectors: a helper that is not inlined would put every vector on the heap.
 */
final class VectorMath {
  private static final float LOG2_E = 1.442695f;
  /** ln 2 in two parts, the first short enough for exact products with small integers. */
  private static final float LN2_HIGH = 0.6933594f;
  private static final float LN2_LOW = -0.00021219444f;
  /** Added to a number, its last bits become the nearest integer. */
  private static final float ROUND = 0x1.8p23f;
  /** Beyond these exp is zero or infinite. */
  private static final float EXP_MIN = -104;
  private static final float EXP_MAX = 89;

  private VectorMath() {}

  /**
   * {@code y = e^(scale·x + shift)} to one unit in the last place, for {@code n} elements from {@code at} and those up to the next whole
   * vector; y may be x. With an argument of k·ln 2 + r, it is a minimax polynomial in r times 2ᵏ, the latter in two factors so that
   * subnormals come out right.
   */
  static void exp(float[] x, float scale, float shift, float[] y, int at, int n) {
    FloatVector round = FloatVector.broadcast(Simd.F32, ROUND);
    FloatVector log2e = FloatVector.broadcast(Simd.F32, LOG2_E);
    FloatVector high = FloatVector.broadcast(Simd.F32, -LN2_HIGH);
    FloatVector low = FloatVector.broadcast(Simd.F32, -LN2_LOW);
    FloatVector c5 = FloatVector.broadcast(Simd.F32, 0.008368781f);
    FloatVector c4 = FloatVector.broadcast(Simd.F32, 0.041668393f);
    FloatVector c3 = FloatVector.broadcast(Simd.F32, 0.1666652f);
    FloatVector c2 = FloatVector.broadcast(Simd.F32, 0.49999994f);
    for (int i = at; i < at + n; i += Simd.LANES) {
      FloatVector v = FloatVector.fromArray(Simd.F32, x, i).fma(scale, shift);
      v = v.blend(EXP_MIN, v.lt(EXP_MIN)).blend(EXP_MAX, v.compare(VectorOperators.GT, EXP_MAX));
      FloatVector shifted = v.fma(log2e, round);
      FloatVector whole = shifted.sub(round);
      FloatVector r = whole.fma(low, whole.fma(high, v));
      FloatVector p = r.mul(0.0013814466f).add(c5);
      p = p.fma(r, c4);
      p = p.fma(r, c3);
      p = p.fma(r, c2);
      p = p.fma(r.mul(r), r).add(1);
      IntVector k = shifted.reinterpretAsInts().sub(round.reinterpretAsInts());
      IntVector half = k.lanewise(VectorOperators.ASHR, 1);
      FloatVector first = half.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
      FloatVector second = k.sub(half).add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
      p.mul(first).mul(second).intoArray(y, i);
    }
  }

  /** Near zero an odd polynomial, elsewhere {@code 1 − 2/(e²ˣ + 1)}. */
  static void tanh(float[] x, float[] y, int n) {
    UnaryMaps.abs(x, y, n);
    exp(y, 2, 0, y, 0, n);
    FloatVector c2 = FloatVector.broadcast(Simd.F32, -0.053743497f);
    FloatVector c1 = FloatVector.broadcast(Simd.F32, 0.13331491f);
    FloatVector c0 = FloatVector.broadcast(Simd.F32, -0.33333284f);
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector v = FloatVector.fromArray(Simd.F32, x, i);
      FloatVector s = v.mul(v);
      FloatVector p = s.mul(-0.0057170447f).add(0.020650586f);
      p = p.fma(s, c2);
      p = p.fma(s, c1);
      p = p.fma(s, c0);
      FloatVector near = p.mul(s).fma(v, v);
      FloatVector far = FloatVector.broadcast(Simd.F32, -2).div(FloatVector.fromArray(Simd.F32, y, i).add(1)).add(1);
      far.blend(far.neg(), v.lt(0)).blend(near, v.abs().lt(0.625f)).intoArray(y, i);
    }
  }

  /** Sum of {@code n} elements from {@code at}. */
  static float sum(float[] x, int at, int n) {
    FloatVector sums = FloatVector.zero(Simd.F32);
    int end = at + Simd.F32.loopBound(n);
    for (int i = at; i < end; i += Simd.LANES) {
      sums = sums.add(FloatVector.fromArray(Simd.F32, x, i));
    }
    float rest = 0;
    for (int i = end; i < at + n; i++) {
      rest += x[i];
    }
    return total(sums) + rest;
  }

  /** Sum of the products of two rows. */
  static float dot(float[] x, float[] y, int n) {
    FloatVector sums = FloatVector.zero(Simd.F32);
    int end = Simd.F32.loopBound(n);
    for (int i = 0; i < end; i += Simd.LANES) {
      sums = FloatVector.fromArray(Simd.F32, x, i).fma(FloatVector.fromArray(Simd.F32, y, i), sums);
    }
    float rest = 0;
    for (int i = end; i < n; i++) {
      rest += x[i] * y[i];
    }
    return total(sums) + rest;
  }

  /**
   * The lanes' sum, halves first. {@link FloatVector#reduceLanes} leaves the order open, and takes another one once its caller has been
   * compiled.
   */
  private static float total(FloatVector sums) {
    float[] lanes = Scratch.array(Scratch.LANES, Simd.LANES);
    sums.intoArray(lanes, 0);
    for (int half = Simd.LANES / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        lanes[i] += lanes[i + half];
      }
    }
    return lanes[0];
  }

  /** The largest of {@code n} elements from {@code at}; NaN if one is. */
  static float max(float[] x, int at, int n) {
    FloatVector largest = FloatVector.broadcast(Simd.F32, Float.NEGATIVE_INFINITY);
    int end = at + Simd.F32.loopBound(n);
    for (int i = at; i < end; i += Simd.LANES) {
      largest = largest.max(FloatVector.fromArray(Simd.F32, x, i));
    }
    float max = largest.reduceLanes(VectorOperators.MAX);
    for (int i = end; i < at + n; i++) {
      max = Math.max(max, x[i]);
    }
    return max;
  }
}
