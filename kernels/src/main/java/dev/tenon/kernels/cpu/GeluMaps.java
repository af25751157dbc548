package dev.tenon.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The GELU and its derivative. With Φ the normal distribution, {@code Φ(−|x|)} is {@code e^(−x²/2)} times a quotient of polynomials in
 * |x| (minimax), which keeps its relative precision far out. The exponential is 2ᵏ·2ʳ: {@link #SHIFT}
 * leaves k + 64, raised by a float's exponent of 0, in the bits where one shift makes it an exponent, and the polynomial for 2ʳ makes up
 * for the 64.
 */
final class GeluMaps {
  /** 0x1.8p23, which makes a number's last bits the nearest integer, and 64 + 127. */
  private static final float SHIFT = 0x1.8p23f + 191;
  /** −log₂(e)/2 in two parts. */
  private static final float SQUARE = -0.7213475f;
  private static final float SQUARE_LOW = -9.629815e-9f;
  private static final float E0 = 0x1p-64f;
  private static final float E1 = 0x1p-64f * 0.6931470f;
  private static final float E2 = 0x1p-64f * 0.24022242f;
  private static final float E3 = 0x1p-64f * 0.055507336f;
  private static final float E4 = 0x1p-64f * 0.009671513f;
  private static final float E5 = 0x1p-64f * 0.0013264727f;
  private static final float N1 = 0.4213536f;
  private static final float N2 = 0.17073591f;
  private static final float N3 = 0.036434427f;
  private static final float N4 = 0.0034969293f;
  private static final float D1 = 1.6405919f;
  private static final float D2 = 1.1504737f;
  private static final float D3 = 0.43648514f;
  private static final float D4 = 0.091340035f;
  private static final float D5 = 0.008765235f;
  private static final float INV_SQRT_2_PI = 0.3989423f;
  /** Beyond this Φ(−|x|) is zero. */
  private static final float MAX = 14.5f;

  private GeluMaps() {}

  /** {@code x·Φ(x) = max(x, 0) − |x|·Φ(−|x|)}. */
  static void gelu(long x, long y, int n) {
    FloatVector shift = FloatVector.broadcast(Simd.F32, SHIFT);
    FloatVector max = FloatVector.broadcast(Simd.F32, MAX);
    FloatVector one = FloatVector.broadcast(Simd.F32, 1);
    int last = Native.last(n);
    for (int i = 0; i < n; i += Simd.LANES) {
      int at = Math.min(i, last);
      FloatVector v = Native.load(x, at);
      // Positive floats are in the order of their bits, whose minimum is one step. It drops NaNs; max(x, 0) below does not.
      FloatVector a = v.abs().reinterpretAsInts().min(max.reinterpretAsInts()).reinterpretAsFloats();
      FloatVector square = a.mul(a);
      FloatVector shifted = square.fma(FloatVector.broadcast(Simd.F32, SQUARE), shift);
      FloatVector r = square.fma(FloatVector.broadcast(Simd.F32, SQUARE), shift.sub(shifted));
      r = square.fma(FloatVector.broadcast(Simd.F32, SQUARE_LOW), r);
      FloatVector e = r.fma(FloatVector.broadcast(Simd.F32, E5), FloatVector.broadcast(Simd.F32, E4));
      e = e.fma(r, FloatVector.broadcast(Simd.F32, E3)).fma(r, FloatVector.broadcast(Simd.F32, E2));
      e = e.fma(r.mul(r), r.fma(FloatVector.broadcast(Simd.F32, E1), FloatVector.broadcast(Simd.F32, E0)));
      e = e.mul(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
      FloatVector p = a.fma(FloatVector.broadcast(Simd.F32, -N3), FloatVector.broadcast(Simd.F32, -N2));
      p = square.fma(FloatVector.broadcast(Simd.F32, -N4), p);
      p = p.fma(square, a.fma(FloatVector.broadcast(Simd.F32, -N1), FloatVector.broadcast(Simd.F32, -0.5f)));
      FloatVector q = a.fma(FloatVector.broadcast(Simd.F32, D5), FloatVector.broadcast(Simd.F32, D4));
      q = q.fma(square, a.fma(FloatVector.broadcast(Simd.F32, D3), FloatVector.broadcast(Simd.F32, D2)));
      q = q.fma(square, a.fma(FloatVector.broadcast(Simd.F32, D1), one));
      Native.store(p.div(q).mul(e).fma(a, v.blend(0, v.lt(0))), y, at);
    }
  }

  /** The same of whole vectors in arrays; written out once more, as a copy to memory and back took longer than half of it. */
  static void gelu(float[] x, float[] y, int n) {
    FloatVector shift = FloatVector.broadcast(Simd.F32, SHIFT);
    FloatVector max = FloatVector.broadcast(Simd.F32, MAX);
    FloatVector one = FloatVector.broadcast(Simd.F32, 1);
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector v = FloatVector.fromArray(Simd.F32, x, i);
      // Positive floats are in the order of their bits, whose minimum is one step. It drops NaNs; max(x, 0) below does not.
      FloatVector a = v.abs().reinterpretAsInts().min(max.reinterpretAsInts()).reinterpretAsFloats();
      FloatVector square = a.mul(a);
      FloatVector shifted = square.fma(FloatVector.broadcast(Simd.F32, SQUARE), shift);
      FloatVector r = square.fma(FloatVector.broadcast(Simd.F32, SQUARE), shift.sub(shifted));
      r = square.fma(FloatVector.broadcast(Simd.F32, SQUARE_LOW), r);
      FloatVector e = r.fma(FloatVector.broadcast(Simd.F32, E5), FloatVector.broadcast(Simd.F32, E4));
      e = e.fma(r, FloatVector.broadcast(Simd.F32, E3)).fma(r, FloatVector.broadcast(Simd.F32, E2));
      e = e.fma(r.mul(r), r.fma(FloatVector.broadcast(Simd.F32, E1), FloatVector.broadcast(Simd.F32, E0)));
      e = e.mul(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
      FloatVector p = a.fma(FloatVector.broadcast(Simd.F32, -N3), FloatVector.broadcast(Simd.F32, -N2));
      p = square.fma(FloatVector.broadcast(Simd.F32, -N4), p);
      p = p.fma(square, a.fma(FloatVector.broadcast(Simd.F32, -N1), FloatVector.broadcast(Simd.F32, -0.5f)));
      FloatVector q = a.fma(FloatVector.broadcast(Simd.F32, D5), FloatVector.broadcast(Simd.F32, D4));
      q = q.fma(square, a.fma(FloatVector.broadcast(Simd.F32, D3), FloatVector.broadcast(Simd.F32, D2)));
      q = q.fma(square, a.fma(FloatVector.broadcast(Simd.F32, D1), one));
      p.div(q).mul(e).fma(a, v.blend(0, v.lt(0))).intoArray(y, i);
    }
  }

  /** {@code g·(Φ(x) + x·φ(x))}: with that sum {@code low} at −|x|, it is {@code 1 − low} at |x|. */
  static void gradient(long x, long g, long y, int n) {
    FloatVector shift = FloatVector.broadcast(Simd.F32, SHIFT);
    FloatVector max = FloatVector.broadcast(Simd.F32, MAX);
    FloatVector one = FloatVector.broadcast(Simd.F32, 1);
    int last = Native.last(n);
    for (int i = 0; i < n; i += Simd.LANES) {
      int at = Math.min(i, last);
      FloatVector v = Native.load(x, at);
      FloatVector a = v.abs();
      a = a.blend(max, a.compare(VectorOperators.GT, max));
      FloatVector square = a.mul(a);
      FloatVector shifted = square.fma(FloatVector.broadcast(Simd.F32, SQUARE), shift);
      FloatVector r = square.fma(FloatVector.broadcast(Simd.F32, SQUARE), shift.sub(shifted));
      r = square.fma(FloatVector.broadcast(Simd.F32, SQUARE_LOW), r);
      FloatVector e = r.fma(FloatVector.broadcast(Simd.F32, E5), FloatVector.broadcast(Simd.F32, E4));
      e = e.fma(r, FloatVector.broadcast(Simd.F32, E3)).fma(r, FloatVector.broadcast(Simd.F32, E2));
      e = e.fma(r.mul(r), r.fma(FloatVector.broadcast(Simd.F32, E1), FloatVector.broadcast(Simd.F32, E0)));
      e = e.mul(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
      FloatVector p = a.fma(FloatVector.broadcast(Simd.F32, N3), FloatVector.broadcast(Simd.F32, N2));
      p = square.fma(FloatVector.broadcast(Simd.F32, N4), p);
      p = p.fma(square, a.fma(FloatVector.broadcast(Simd.F32, N1), FloatVector.broadcast(Simd.F32, 0.5f)));
      FloatVector q = a.fma(FloatVector.broadcast(Simd.F32, D5), FloatVector.broadcast(Simd.F32, D4));
      q = q.fma(square, a.fma(FloatVector.broadcast(Simd.F32, D3), FloatVector.broadcast(Simd.F32, D2)));
      q = q.fma(square, a.fma(FloatVector.broadcast(Simd.F32, D1), one));
      FloatVector low = a.fma(FloatVector.broadcast(Simd.F32, -INV_SQRT_2_PI), p.div(q)).mul(e);
      Native.store(one.sub(low).blend(low, v.lt(0)).mul(Native.load(g, at)), y, at);
    }
  }
}
