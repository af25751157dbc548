package dev.tenon.kernels.cpu;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

/**
 * What the compiler does not vectorize by itself: exponentials, and reductions, which go lane by lane and then over the lanes, in the
 * same order always. A helper that is not inlined puts the vectors it is given on the heap, and the compiler inlines none any more once a
 * method has 18000 nodes, which some 45 operations on vectors give. So what takes that many is a method of more than 325 bytecodes, which
 * does not become part of its caller, and has few helpers of its own.
 */
final class VectorMath {
  private static final float LOG2_E = 1.442695f;
  /** ln 2 in two parts, the first short enough for exact products with small integers. */
  private static final float LN2_HIGH = 0.6933594f;
  private static final float LN2_LOW = -0.00021219444f;
  /** Added to a number, its last bits become the nearest integer. */
  private static final float ROUND = 0x1.8p23f;
  /** The same, and 64 + 127 for {@link #decay}. */
  private static final float SHIFT = 0x1.8p23f + 191;
  /** Beyond these exp is zero or infinite. */
  private static final float EXP_MIN = -104;
  private static final float EXP_MAX = 89;
  /** Lanes moved on by so many, around the end. */
  private static final VectorShuffle<Float> BY_8 = turn(8 % Simd.LANES);
  private static final VectorShuffle<Float> BY_4 = turn(4 % Simd.LANES);
  private static final VectorShuffle<Float> BY_2 = turn(2);
  private static final VectorShuffle<Float> BY_1 = turn(1);
  /** As many unset lanes as a vector has, as many set ones, and as many unset ones: masks of the first or last lanes are parts of it. */
  private static final boolean[] SOME = some();

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
    FloatVector c6 = FloatVector.broadcast(Simd.F32, 0.0013814466f);
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
      FloatVector p = r.fma(c6, c5);
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

  /**
   * {@link #exp} of arguments up to 40, in fewer steps, and the sum of these {@code n}: 2ᵏ times a minimax polynomial for 2ʳ. An argument
   * far below zero is off by its own roundoff. {@link #SHIFT} leaves k + 64, raised by a float's exponent of 0, in the bits where one
   * shift makes it an exponent; the polynomial makes up for the 64.
   */
  static float decay(float[] x, float scale, float shift, float[] y, int at, int n) {
    FloatVector round = FloatVector.broadcast(Simd.F32, SHIFT);
    FloatVector log2e = FloatVector.broadcast(Simd.F32, LOG2_E);
    FloatVector c6 = FloatVector.broadcast(Simd.F32, 0x1p-64f * 0.00015353362f);
    FloatVector c5 = FloatVector.broadcast(Simd.F32, 0x1p-64f * 0.0013398874f);
    FloatVector c4 = FloatVector.broadcast(Simd.F32, 0x1p-64f * 0.009618437f);
    FloatVector c3 = FloatVector.broadcast(Simd.F32, 0x1p-64f * 0.055503324f);
    FloatVector c2 = FloatVector.broadcast(Simd.F32, 0x1p-64f * 0.24022648f);
    FloatVector c1 = FloatVector.broadcast(Simd.F32, 0x1p-64f * 0.6931472f);
    FloatVector c0 = FloatVector.broadcast(Simd.F32, 0x1p-64f);
    FloatVector factor = FloatVector.broadcast(Simd.F32, scale);
    FloatVector offset = FloatVector.broadcast(Simd.F32, shift);
    FloatVector sum = FloatVector.zero(Simd.F32);
    FloatVector power = sum;
    for (int i = at; i < at + n; i += Simd.LANES) {
      FloatVector v = FloatVector.fromArray(Simd.F32, x, i).fma(factor, offset);
      v = v.blend(EXP_MIN, v.lt(EXP_MIN));
      FloatVector shifted = v.fma(log2e, round);
      FloatVector r = v.fma(log2e, round.sub(shifted));
      FloatVector p = r.fma(c6, c5).fma(r, c4).fma(r, c3).fma(r, c2).fma(r, c1).fma(r, c0);
      sum = sum.add(power);
      power = p.mul(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
      power.intoArray(y, i);
    }
    int rest = n - (n - 1) / Simd.LANES * Simd.LANES;
    return total(sum.add(power, VectorMask.fromArray(Simd.F32, SOME, 2 * Simd.LANES - rest)));
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
    int l = Simd.LANES;
    FloatVector s0 = FloatVector.zero(Simd.F32);
    FloatVector s1 = FloatVector.zero(Simd.F32);
    FloatVector s2 = FloatVector.zero(Simd.F32);
    FloatVector s3 = FloatVector.zero(Simd.F32);
    int end = at + n;
    int i = at;
    for (; i <= end - 4 * l; i += 4 * l) {
      s0 = s0.add(FloatVector.fromArray(Simd.F32, x, i));
      s1 = s1.add(FloatVector.fromArray(Simd.F32, x, i + l));
      s2 = s2.add(FloatVector.fromArray(Simd.F32, x, i + 2 * l));
      s3 = s3.add(FloatVector.fromArray(Simd.F32, x, i + 3 * l));
    }
    for (; i <= end - l; i += l) {
      s0 = s0.add(FloatVector.fromArray(Simd.F32, x, i));
    }
    if (i < end) {
      s1 = s1.add(FloatVector.fromArray(Simd.F32, x, i, Simd.F32.indexInRange(i, end)));
    }
    return total(s0.add(s1).add(s2.add(s3)));
  }

  /** Sum of the products of {@code n} elements from {@code at} of two rows. */
  static float dot(float[] x, float[] y, int at, int n) {
    int l = Simd.LANES;
    FloatVector s0 = FloatVector.zero(Simd.F32);
    FloatVector s1 = FloatVector.zero(Simd.F32);
    FloatVector s2 = FloatVector.zero(Simd.F32);
    FloatVector s3 = FloatVector.zero(Simd.F32);
    int end = at + n;
    int i = at;
    for (; i <= end - 4 * l; i += 4 * l) {
      s0 = FloatVector.fromArray(Simd.F32, x, i).fma(FloatVector.fromArray(Simd.F32, y, i), s0);
      s1 = FloatVector.fromArray(Simd.F32, x, i + l).fma(FloatVector.fromArray(Simd.F32, y, i + l), s1);
      s2 = FloatVector.fromArray(Simd.F32, x, i + 2 * l).fma(FloatVector.fromArray(Simd.F32, y, i + 2 * l), s2);
      s3 = FloatVector.fromArray(Simd.F32, x, i + 3 * l).fma(FloatVector.fromArray(Simd.F32, y, i + 3 * l), s3);
    }
    for (; i <= end - l; i += l) {
      s0 = FloatVector.fromArray(Simd.F32, x, i).fma(FloatVector.fromArray(Simd.F32, y, i), s0);
    }
    if (i < end) {
      VectorMask<Float> rest = Simd.F32.indexInRange(i, end);
      s1 = FloatVector.fromArray(Simd.F32, x, i, rest).fma(FloatVector.fromArray(Simd.F32, y, i, rest), s1);
    }
    return total(s0.add(s1).add(s2.add(s3)));
  }

  /** Sum of the products of {@code n} elements in memory. */
  static float dot(long x, long y, int n) {
    int l = Simd.LANES;
    FloatVector s0 = FloatVector.zero(Simd.F32);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    int i = 0;
    for (; i <= n - 4 * l; i += 4 * l) {
      s0 = Native.load(x, i).fma(Native.load(y, i), s0);
      s1 = Native.load(x, i + l).fma(Native.load(y, i + l), s1);
      s2 = Native.load(x, i + 2 * l).fma(Native.load(y, i + 2 * l), s2);
      s3 = Native.load(x, i + 3 * l).fma(Native.load(y, i + 3 * l), s3);
    }
    for (; i <= n - l; i += l) {
      s0 = Native.load(x, i).fma(Native.load(y, i), s0);
    }
    if (i < n) {
      FloatVector product = Native.load(x, Native.last(n)).mul(Native.load(y, Native.last(n)));
      s1 = s1.add(FloatVector.zero(Simd.F32).blend(product, rest(i, n)));
    }
    return total(s0.add(s1).add(s2.add(s3)));
  }

  /** The lanes that elements from {@code i} to the end of a row of {@code n} have in the vector at {@code i}, or in the row's last one. */
  static VectorMask<Float> rest(int i, int n) {
    return VectorMask.fromArray(Simd.F32, SOME, n < Simd.LANES ? 2 * Simd.LANES - n : Math.min(n - i, Simd.LANES));
  }

  private static boolean[] some() {
    boolean[] some = new boolean[3 * Simd.LANES];
    Arrays.fill(some, Simd.LANES, 2 * Simd.LANES, true);
    return some;
  }

  /**
   * The lanes' sum, halves first. {@link FloatVector#reduceLanes} leaves the order open, and takes another one once its caller has been
   * compiled.
   */
  static float total(FloatVector sums) {
    FloatVector v = sums;
    if (Simd.LANES > 8) {
      v = v.add(v.rearrange(BY_8));
    }
    if (Simd.LANES > 4) {
      v = v.add(v.rearrange(BY_4));
    }
    v = v.add(v.rearrange(BY_2));
    return v.add(v.rearrange(BY_1)).lane(0);
  }

  /** The largest lane, NaNs left out; {@link FloatVector#reduceLanes} minds them, which takes many times as long. */
  static float largest(FloatVector peaks) {
    FloatVector v = peaks;
    if (Simd.LANES > 8) {
      v = larger(v, v.rearrange(BY_8));
    }
    if (Simd.LANES > 4) {
      v = larger(v, v.rearrange(BY_4));
    }
    v = larger(v, v.rearrange(BY_2));
    return larger(v, v.rearrange(BY_1)).lane(0);
  }

  private static FloatVector larger(FloatVector x, FloatVector y) {
    return x.blend(y, y.compare(VectorOperators.GT, x));
  }

  private static VectorShuffle<Float> turn(int lanes) {
    return VectorShuffle.iota(Simd.F32, lanes, 1, true);
  }

  /** The largest of {@code n} elements from {@code at}, NaNs left out; negative infinity if there is none. */
  static float peak(float[] x, int at, int n) {
    int l = Simd.LANES;
    FloatVector m0 = FloatVector.broadcast(Simd.F32, Float.NEGATIVE_INFINITY);
    FloatVector m1 = m0;
    int end = at + n;
    int i = at;
    for (; i <= end - 2 * l; i += 2 * l) {
      FloatVector v0 = FloatVector.fromArray(Simd.F32, x, i);
      FloatVector v1 = FloatVector.fromArray(Simd.F32, x, i + l);
      m0 = m0.blend(v0, v0.compare(VectorOperators.GT, m0));
      m1 = m1.blend(v1, v1.compare(VectorOperators.GT, m1));
    }
    for (; i < end; i += l) {
      FloatVector v = FloatVector.fromArray(Simd.F32, x, i, Simd.F32.indexInRange(i, end));
      m0 = m0.blend(v, v.compare(VectorOperators.GT, m0).and(Simd.F32.indexInRange(i, end)));
    }
    return m0.max(m1).reduceLanes(VectorOperators.MAX);
  }

  /** The largest of {@code n} elements from {@code at}; NaN if one is. */
  static float max(float[] x, int at, int n) {
    int l = Simd.LANES;
    FloatVector m0 = FloatVector.broadcast(Simd.F32, Float.NEGATIVE_INFINITY);
    FloatVector m1 = m0;
    FloatVector m2 = m0;
    FloatVector m3 = m0;
    int end = at + n;
    int i = at;
    for (; i <= end - 4 * l; i += 4 * l) {
      m0 = m0.max(FloatVector.fromArray(Simd.F32, x, i));
      m1 = m1.max(FloatVector.fromArray(Simd.F32, x, i + l));
      m2 = m2.max(FloatVector.fromArray(Simd.F32, x, i + 2 * l));
      m3 = m3.max(FloatVector.fromArray(Simd.F32, x, i + 3 * l));
    }
    for (; i <= end - l; i += l) {
      m0 = m0.max(FloatVector.fromArray(Simd.F32, x, i));
    }
    if (i < end) {
      VectorMask<Float> rest = Simd.F32.indexInRange(i, end);
      m1 = m1.max(m1.blend(FloatVector.fromArray(Simd.F32, x, i, rest), rest));
    }
    return m0.max(m1).max(m2.max(m3)).reduceLanes(VectorOperators.MAX);
  }
}
