package dev.tenon.engine.io;

import dev.tenon.engine.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Maps NumPy's element types to ours. Integers we do not store are widened to the next type that holds all of
 * their values, so reading never changes a number.
 *
 * @param dtype the type the elements become
 * @param width bytes of an element in the file
 * @param signed whether a widened integer carries a sign
 * @param order byte order in the file
 */
record NpyType(DType dtype, int width, boolean signed, ByteOrder order) {
  private static final ValueLayout.OfShort OUT16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt OUT32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong OUT64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The type NumPy writes as {@code descr}; null when there is none to hold it. */
  static NpyType of(String descr) {
    if (descr.length() != 3) {
      return null;
    }
    ByteOrder order = switch (descr.charAt(0)) {
      case '<', '|' -> ByteOrder.LITTLE_ENDIAN;
      case '>' -> ByteOrder.BIG_ENDIAN;
      case '=' -> ByteOrder.nativeOrder();
      default -> null;
    };
    if (order == null) {
      return null;
    }
    return switch (descr.substring(1)) {
      case "f8" -> new NpyType(DType.F64, 8, true, order);
      case "f4" -> new NpyType(DType.F32, 4, true, order);
      case "f2" -> new NpyType(DType.F16, 2, true, order);
      // NumPy has no bfloat16: JAX, and so the AugReg checkpoints, store one as two opaque bytes.
      case "V2" -> new NpyType(DType.BF16, 2, true, order);
      case "i8" -> new NpyType(DType.I64, 8, true, order);
      case "i4" -> new NpyType(DType.I32, 4, true, order);
      case "i2" -> new NpyType(DType.I32, 2, true, order);
      case "i1" -> new NpyType(DType.I32, 1, true, order);
      case "u4" -> new NpyType(DType.I64, 4, false, order);
      case "u2" -> new NpyType(DType.I32, 2, false, order);
      case "u1" -> new NpyType(DType.U8, 1, false, order);
      case "b1" -> new NpyType(DType.BOOL, 1, false, order);
      default -> null;
    };
  }

  /** Whether the bytes in the file are the bytes in memory. */
  boolean isVerbatim() {
    return width == dtype.byteSize() && (width == 1 || order == ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Moves the next element of {@code from}, which has this type's byte order, to byte {@code at} of {@code
   * to}.
   */
  void move(ByteBuffer from, MemorySegment to, long at) {
    long bits = switch (width) {
      case 1 -> signed ? from.get() : Byte.toUnsignedLong(from.get());
      case 2 -> signed ? from.getShort() : Short.toUnsignedLong(from.getShort());
      case 4 -> signed ? from.getInt() : Integer.toUnsignedLong(from.getInt());
      default -> from.getLong();
    };
    switch (dtype.byteSize()) {
      case 1 -> to.set(ValueLayout.JAVA_BYTE, at, (byte) bits);
      case 2 -> to.set(OUT16, at, (short) bits);
      case 4 -> to.set(OUT32, at, (int) bits);
      default -> to.set(OUT64, at, bits);
    }
  }
}
