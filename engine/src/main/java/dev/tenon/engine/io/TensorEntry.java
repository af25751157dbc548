package dev.tenon.engine.io;

import dev.tenon.engine.BFloat16;
import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A tensor as files hold it: dense, row-major, little-endian, not necessarily aligned.
 *
 * @param name name inside the file
 * @param dtype element type
 * @param shape extents, outermost first
 * @param data {@code shape.size() * dtype.byteSize()} bytes, valid as long as the file or arena they belong
 *     to
 */
public record TensorEntry(String name, DType dtype, Shape shape, MemorySegment data) {
  private static final ValueLayout.OfDouble F64 =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort BITS16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong I64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /**
   * Checks that the data fits the shape.
   *
   * @throws IllegalArgumentException when it has another size
   */
  public TensorEntry {
    long expected = Math.multiplyExact(shape.size(), (long) dtype.byteSize());
    if (data.byteSize() != expected) {
      throw new IllegalArgumentException(
          "tensor " + Quoted.of(name) + " of shape " + shape + " and type " + dtype + " takes " + expected
              + " bytes, but " + data.byteSize() + " were given");
    }
  }

  /** An F32 entry with a copy of {@code values}, row-major. */
  public static TensorEntry ofFloats(String name, Shape shape, float... values) {
    MemorySegment data = MemorySegment.ofArray(new byte[Math.multiplyExact(values.length, Float.BYTES)]);
    MemorySegment.copy(values, 0, data, F32, 0, values.length);
    return new TensorEntry(name, DType.F32, shape, data);
  }

  /** An I64 entry with a copy of {@code values}, row-major. */
  public static TensorEntry ofLongs(String name, Shape shape, long... values) {
    MemorySegment data = MemorySegment.ofArray(new byte[Math.multiplyExact(values.length, Long.BYTES)]);
    MemorySegment.copy(values, 0, data, I64, 0, values.length);
    return new TensorEntry(name, DType.I64, shape, data);
  }

  /** Element {@code i} in row-major order; exact for every type but I64 beyond 2^53. BOOL is 0 or 1. */
  public double valueAt(long i) {
    long at = Math.multiplyExact(i, (long) dtype.byteSize());
    return switch (dtype) {
      case F64 -> data.get(F64, at);
      case F32 -> data.get(F32, at);
      case F16 -> Float.float16ToFloat(data.get(BITS16, at));
      case BF16 -> BFloat16.toFloat(data.get(BITS16, at));
      case I64 -> data.get(I64, at);
      case I32 -> data.get(I32, at);
      case U8 -> Byte.toUnsignedInt(data.get(ValueLayout.JAVA_BYTE, at));
      case BOOL -> data.get(ValueLayout.JAVA_BYTE, at) == 0 ? 0 : 1;
    };
  }
}
