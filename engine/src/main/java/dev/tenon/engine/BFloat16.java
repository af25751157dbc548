package dev.tenon.engine;

/** Conversion between {@code float} and bfloat16, the upper half of a float, which the JDK does not offer. */
public final class BFloat16 {
  private static final int QUIET_NAN_BIT = 0x40;

  private BFloat16() {}

  /**
   * The bfloat16 nearest to {@code value}, ties to even; what is too large becomes infinite, a NaN stays one.
   */
  public static short fromFloat(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      // A payload that lives in the lower half alone would turn into an infinity when cut off.
      return (short) (bits >>> 16 | QUIET_NAN_BIT);
    }
    int lowestKeptBit = bits >>> 16 & 1;
    return (short) (bits + 0x7fff + lowestKeptBit >>> 16);
  }

  /** The float with the same value; always exact. */
  public static float toFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }
}
