package dev.tenon.engine.kernel;

import dev.tenon.engine.BFloat16;

/** Rounds doubles to 16-bit floats in one step: going through float first would round twice. */
final class Rounding {
  private Rounding() {}

  /** IEEE binary16, to nearest even. */
  static short toFloat16(double value) {
    return Float.floatToFloat16(oddFloat(value));
  }

  /** bfloat16, to nearest even; a NaN stays a NaN. */
  static short toBFloat16(double value) {
    return BFloat16.fromFloat(oddFloat(value));
  }

  /**
   * Rounds to float "to odd": an inexact result gets its last bit set, so that the rounding that follows sees which side of a tie
   * the value was on.
   */
  private static float oddFloat(double value) {
    float nearest = (float) value;
    if (nearest == value || Float.isInfinite(nearest) || Float.isNaN(nearest)) {
      return nearest;
    }
    int bits = Float.floatToRawIntBits(nearest);
    boolean awayFromZero = Math.abs((double) nearest) > Math.abs(value);
    int towardZero = awayFromZero ? bits - 1 : bits;
    return Float.intBitsToFloat(towardZero | 1);
  }
}
