package dev.tenon.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Elementary functions of vectors, accurate to a few units in the last place over their whole range. The coefficients are minimax fits
 * of the relative error, made for these forms.
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
  /** Φ(−x) is zero beyond. */
  private static final float TAIL_MAX = 14.5f;
  private static final float INV_SQRT_2_PI = 0.3989423f;

  private VectorMath() {}

  /** {@code eˣ}: with x = n·ln 2 + r, a polynomial in r times 2ⁿ, the latter in two factors so that subnormals come out right. */
  static FloatVector exp(FloatVector v) {
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

  /** {@code 1/(1 + e⁻ˣ)}. */
  static FloatVector sigmoid(FloatVector x) {
    return vector(1).div(exp(x.neg()).add(1));
  }

  /** {@code sigmoid(x)·sigmoid(−x)}, the derivative of the sigmoid. */
  static FloatVector sigmoidSlope(FloatVector x) {
    FloatVector e = exp(x.abs().neg());
    FloatVector sum = e.add(1);
    return e.div(sum.mul(sum));
  }

  /** An odd polynomial near zero, {@code 1 − 2/(e²ˣ + 1)} elsewhere. */
  static FloatVector tanh(FloatVector x) {
    FloatVector a = x.abs();
    FloatVector s = x.mul(x);
    FloatVector p = s.fma(vector(-0.0057170447f), vector(0.020650586f));
    p = p.fma(s, vector(-0.053743497f));
    p = p.fma(s, vector(0.13331491f));
    p = p.fma(s, vector(-0.33333284f));
    FloatVector near = p.mul(s).fma(x, x);
    FloatVector far = vector(1).sub(vector(2).div(exp(a.add(a)).add(1)));
    return far.blend(far.neg(), x.lt(0)).blend(near, a.lt(0.625f));
  }

  /** {@code √(8/π)·(x + 0.044715·x³)}: GELU is about {@code x·sigmoid} of it. */
  static FloatVector tanhArgument(FloatVector x) {
    return x.mul(x).fma(vector(0.044715f), vector(1)).mul(x).mul(1.5957692f);
  }

  /** The derivative of {@link #tanhArgument}. */
  static FloatVector tanhArgumentSlope(FloatVector x) {
    return x.mul(x).fma(vector(0.134145f), vector(1)).mul(1.5957692f);
  }

  /** {@code e^(−x²/2)}; what rounding the square loses is put back. */
  private static FloatVector bell(FloatVector x) {
    FloatVector square = x.mul(x);
    FloatVector lost = x.fma(x, square.neg());
    return exp(square.mul(-0.5f)).mul(lost.fma(vector(-0.5f), vector(1)));
  }

  /** {@code Φ(−x)} for x ≥ 0 from {@code bell(x)}: what remains is a polynomial in 1/(1 + 0.3·x). */
  private static FloatVector tail(FloatVector x, FloatVector bell) {
    FloatVector t = vector(1).div(x.fma(vector(0.3f), vector(1)));
    FloatVector p = t.fma(vector(-0.020619987f), vector(0.11241604f));
    p = p.fma(t, vector(-0.2281658f));
    p = p.fma(t, vector(0.19171818f));
    p = p.fma(t, vector(-0.07936588f));
    p = p.fma(t, vector(0.09612446f));
    p = p.fma(t, vector(0.078401394f));
    p = p.fma(t, vector(0.11023278f));
    p = p.fma(t, vector(0.11957215f));
    p = p.fma(t, vector(0.11968667f));
    return p.mul(t).mul(bell);
  }

  private static FloatVector bounded(FloatVector x) {
    FloatVector a = x.abs();
    return a.blend(TAIL_MAX, a.compare(VectorOperators.GT, TAIL_MAX));
  }

  /** {@code x·Φ(x)}, which for x ≥ 0 is {@code x − x·Φ(−x)}. */
  static FloatVector gelu(FloatVector x) {
    FloatVector a = bounded(x);
    FloatVector lost = x.mul(tail(a, bell(a)));
    return x.sub(lost).blend(lost, x.lt(0));
  }

  /** {@code Φ(x) + x·φ(x)}. */
  static FloatVector geluSlope(FloatVector x) {
    FloatVector a = bounded(x);
    FloatVector bell = bell(a);
    FloatVector tail = tail(a, bell);
    return x.fma(bell.mul(INV_SQRT_2_PI), vector(1).sub(tail).blend(tail, x.lt(0)));
  }

  private static FloatVector vector(float value) {
    return FloatVector.broadcast(Simd.F32, value);
  }
}
