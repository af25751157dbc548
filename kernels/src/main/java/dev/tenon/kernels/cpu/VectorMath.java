package dev.tenon.kernels.cpu;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * What the compiler does not vectorize by itself: exponentials, and reductions. Reductions go lane by lane and then over the lanes, in
 * the same order always. Arrays end on a multiple of the vector length.
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

  private static FloatVector vector(float value) {
    return FloatVector.broadcast(Simd.F32, value);
  }

  private static FloatVector load(float[] x, int i) {
    return FloatVector.fromArray(Simd.F32, x, i);
  }

  /** Sets what lies beyond the {@code n} elements from {@code at}, up to the next whole vector, to {@code value}. */
  private static void pad(float[] x, int at, int n, float value) {
    Arrays.fill(x, at + n, at + Rows.padded(n), value);
  }

  /**
   * The lanes' sum, halves first. {@link FloatVector#reduceLanes} leaves the order open, and takes another one once its caller has been
   * compiled.
   */
  private static float total(FloatVector sums) {
    float[] lanes = new float[Simd.LANES];
    sums.intoArray(lanes, 0);
    for (int half = Simd.LANES / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        lanes[i] += lanes[i + half];
      }
    }
    return lanes[0];
  }

  /**
   * {@code eˣ} to one unit in the last place: with x = n·ln 2 + r, a minimax polynomial in r times 2ⁿ, the latter in two factors so
   * that subnormals come out right.
   */
  private static FloatVector exp(FloatVector v) {
    FloatVector x = v.blend(EXP_MIN, v.lt(EXP_MIN)).blend(EXP_MAX, v.compare(VectorOperators.GT, EXP_MAX));
    FloatVector shifted = x.fma(vector(LOG2_E), vector(ROUND));
    FloatVector n = shifted.sub(ROUND);
    FloatVector r = n.fma(vector(-LN2_LOW), n.fma(vector(-LN2_HIGH), x));
    FloatVector p = r.fma(vector(0.0013814466f), vector(0.008368781f));
    p = p.fma(r, vector(0.041668393f));
    p = p.fma(r, vector(0.1666652f));
    p = p.fma(r, vector(0.49999994f));
    p = p.fma(r.mul(r), r).add(1);
    IntVector k = shifted.reinterpretAsInts().sub(Float.floatToRawIntBits(ROUND));
    IntVector half = k.lanewise(VectorOperators.ASHR, 1);
    return p.mul(powerOfTwo(half)).mul(powerOfTwo(k.sub(half)));
  }

  private static FloatVector powerOfTwo(IntVector k) {
    return k.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
  }

  /** {@code y = e^(scale·x)}; y may be x. */
  static void exp(float[] x, float scale, float[] y, int n) {
    for (int i = 0; i < n; i += Simd.LANES) {
      exp(load(x, i).mul(scale)).intoArray(y, i);
    }
  }

  /** {@code y = e^(x − shift)} in place from element {@code at}, and the sum of it. */
  static float expSum(float[] x, int at, int n, float shift) {
    pad(x, at, n, Float.NEGATIVE_INFINITY);
    FloatVector sum = FloatVector.zero(Simd.F32);
    for (int i = at; i < at + n; i += Simd.LANES) {
      FloatVector e = exp(load(x, i).sub(shift));
      e.intoArray(x, i);
      sum = sum.add(e);
    }
    return total(sum);
  }

  /** Near zero an odd polynomial, elsewhere {@code 1 − 2/(e²ˣ + 1)}. */
  static void tanh(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector v = load(x, i);
      FloatVector a = v.abs();
      FloatVector s = v.mul(v);
      FloatVector p = s.fma(vector(-0.0057170447f), vector(0.020650586f));
      p = p.fma(s, vector(-0.053743497f));
      p = p.fma(s, vector(0.13331491f));
      p = p.fma(s, vector(-0.33333284f));
      FloatVector near = p.mul(s).fma(v, v);
      FloatVector far = vector(1).sub(vector(2).div(exp(a.add(a)).add(1)));
      far.blend(far.neg(), v.lt(0)).blend(near, a.lt(0.625f)).intoArray(y, i);
    }
  }

  /** Sum of {@code n} elements from {@code at}, whatever is around them. */
  static float sum(float[] x, int at, int n) {
    FloatVector sum = FloatVector.zero(Simd.F32);
    int whole = Simd.F32.loopBound(n);
    for (int i = at; i < at + whole; i += Simd.LANES) {
      sum = sum.add(load(x, i));
    }
    float rest = 0;
    for (int i = at + whole; i < at + n; i++) {
      rest += x[i];
    }
    return total(sum) + rest;
  }

  /** Sum of a row. */
  static float sum(float[] x, int n) {
    pad(x, 0, n, 0);
    FloatVector sum = FloatVector.zero(Simd.F32);
    for (int i = 0; i < n; i += Simd.LANES) {
      sum = sum.add(load(x, i));
    }
    return total(sum);
  }

  /** Sum of the products of two rows. */
  static float dot(float[] x, float[] y, int n) {
    pad(x, 0, n, 0);
    pad(y, 0, n, 0);
    FloatVector sum = FloatVector.zero(Simd.F32);
    for (int i = 0; i < n; i += Simd.LANES) {
      sum = load(x, i).fma(load(y, i), sum);
    }
    return total(sum);
  }

  /** The largest of {@code n} elements from {@code at}; NaN if one is. */
  static float max(float[] x, int at, int n) {
    pad(x, at, n, Float.NEGATIVE_INFINITY);
    FloatVector max = load(x, at);
    for (int i = at + Simd.LANES; i < at + n; i += Simd.LANES) {
      max = max.max(load(x, i));
    }
    return max.reduceLanes(VectorOperators.MAX);
  }
}
