package dev.tenon.engine.kernel;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.tenon.engine.BFloat16;
import dev.tenon.engine.Backend;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Ref;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Moves elements between tensors of any type and layout and plain row-major arrays of doubles. */
public final class Elements {
  private static final ValueLayout.OfDouble F64 = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort I16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Elements() {}

  /** A tensor's values, row-major. Integers beyond 2^53 lose their low bits. */
  public static Ref unpack(Tensor tensor) {
    Ref ref = Ref.zeros(tensor.dtype(), tensor.shape());
    if (ref.size() == 0) {
      return ref;
    }
    MemorySegment bytes = span(tensor);
    long[] index = indices(tensor.layout());
    for (int i = 0; i < index.length; i++) {
      ref.v()[i] = get(bytes, tensor.dtype(), index[i]);
    }
    return ref;
  }

  /** Stores row-major values in a tensor, rounding to its type. */
  public static void pack(Ref values, Tensor tensor) {
    if (values.size() == 0) {
      return;
    }
    Backend backend = tensor.storage().backend();
    Layout layout = tensor.layout();
    int width = tensor.dtype().byteSize();
    long start = layout.start();
    long byteCount = (layout.end() - start) * width;
    try (Arena arena = Arena.ofConfined()) {
      boolean onHost = tensor.device().equals(Device.CPU);
      MemorySegment bytes = onHost
          ? tensor.storage().segment().asSlice(start * width, byteCount)
          : layout.isContiguous() ? arena.allocate(byteCount, 8) : span(tensor);
      long[] index = indices(layout);
      for (int i = 0; i < index.length; i++) {
        set(bytes, tensor.dtype(), index[i], values.v()[i]);
      }
      if (!onHost) {
        backend.upload(bytes, tensor.storage(), start * width);
      }
    }
  }

  /** The bytes from the first to the last element of a tensor, in host memory. */
  private static MemorySegment span(Tensor tensor) {
    Layout layout = tensor.layout();
    int width = tensor.dtype().byteSize();
    long start = layout.start();
    return tensor.storage().backend().download(tensor.storage(), start * width, (layout.end() - start) * width);
  }

  /** Element indices of a layout in row-major order, relative to its lowest element. */
  static long[] indices(Layout layout) {
    Shape shape = layout.shape();
    long[] index = new long[Math.toIntExact(shape.size())];
    int rank = shape.rank();
    long[] position = new long[rank];
    long at = layout.offset() - layout.start();
    for (int i = 0; i < index.length; i++) {
      index[i] = at;
      for (int d = rank - 1; d >= 0; d--) {
        at += layout.stride(d);
        if (++position[d] < shape.dim(d)) {
          break;
        }
        at -= position[d] * layout.stride(d);
        position[d] = 0;
      }
    }
    return index;
  }

  /** Element {@code i} of a segment of {@code dtype} values. */
  public static double get(MemorySegment bytes, DType dtype, long i) {
    return switch (dtype) {
      case F64 -> bytes.get(F64, i * 8);
      case F32 -> bytes.get(F32, i * 4);
      case F16 -> Float.float16ToFloat(bytes.get(I16, i * 2));
      case BF16 -> BFloat16.toFloat(bytes.get(I16, i * 2));
      case I64 -> bytes.get(I64, i * 8);
      case I32 -> bytes.get(I32, i * 4);
      case U8, BOOL -> bytes.get(JAVA_BYTE, i) & 0xff;
    };
  }

  /** Stores {@code value} as element {@code i}, rounded to nearest even (floats) or truncated (integers). */
  public static void set(MemorySegment bytes, DType dtype, long i, double value) {
    switch (dtype) {
      case F64 -> bytes.set(F64, i * 8, value);
      case F32 -> bytes.set(F32, i * 4, (float) value);
      case F16 -> bytes.set(I16, i * 2, Rounding.toFloat16(value));
      case BF16 -> bytes.set(I16, i * 2, Rounding.toBFloat16(value));
      case I64 -> bytes.set(I64, i * 8, (long) value);
      case I32 -> bytes.set(I32, i * 4, (int) value);
      case U8 -> bytes.set(JAVA_BYTE, i, (byte) (long) value);
      case BOOL -> bytes.set(JAVA_BYTE, i, (byte) (value != 0 ? 1 : 0));
    }
  }
}
