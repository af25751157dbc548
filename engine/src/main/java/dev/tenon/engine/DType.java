package dev.tenon.engine;

/** Element types a tensor can be stored in. */
public enum DType {
  F64(8, true),
  F32(4, true),
  F16(2, true),
  BF16(2, true),
  I64(8, false),
  I32(4, false),
  U8(1, false),
  BOOL(1, false);

  private final int byteSize;
  private final boolean floating;

  DType(int byteSize, boolean floating) {
    this.byteSize = byteSize;
    this.floating = floating;
  }

  /** Bytes one element takes. */
  public int byteSize() {
    return byteSize;
  }

  /** Whether the type holds real numbers, and so can carry a gradient. */
  public boolean isFloating() {
    return floating;
  }

  /**
   * Unit roundoff of the type: the largest relative error of rounding a real number to it. Zero for integers.
   */
  public double roundoff() {
    return switch (this) {
      case F64 -> 0x1p-53;
      case F32 -> 0x1p-24;
      case F16 -> 0x1p-11;
      case BF16 -> 0x1p-8;
      case I64, I32, U8, BOOL -> 0;
    };
  }
}
