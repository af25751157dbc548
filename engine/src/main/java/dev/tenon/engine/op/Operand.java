package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.random.Philox;

/**
 * What an operand of an example call looks like, before its type and layout are chosen.
 *
 * @param low the least value
 * @param high the bound that values stay below
 */
public record Operand(Shape shape, Kind kind, double low, double high) {
  /** What the values are. */
  public enum Kind {
    /** Real numbers of any floating type. */
    REAL,
    /** Whole numbers, I64. */
    INDEX,
    /** BOOL. */
    FLAG
  }

  /** Real numbers of moderate size. */
  public static Operand real(Shape shape) {
    return within(shape, -2, 2);
  }

  public static Operand within(Shape shape, double low, double high) {
    return new Operand(shape, Kind.REAL, low, high);
  }

  /** Indices 0 to {@code bound − 1}. */
  public static Operand index(Shape shape, long bound) {
    return new Operand(shape, Kind.INDEX, 0, bound);
  }

  public static Operand flags(Shape shape) {
    return new Operand(shape, Kind.FLAG, 0, 2);
  }

  /**
   * Row-major values of this kind, drawn from {@code random}. Real ones are odd multiples of 2⁻⁷, so that two of them are either
   * equal or well apart, and none is near a whole number: a difference quotient does not straddle a kink.
   */
  public double[] draw(Philox random) {
    double[] values = new double[Math.toIntExact(shape.size())];
    for (int i = 0; i < values.length; i++) {
      double value = low + random.uniformDouble(i) * (high - low);
      values[i] = kind == Kind.REAL ? Math.floor(value * 64) / 64 + 0x1p-7 : Math.floor(value);
    }
    return values;
  }
}
