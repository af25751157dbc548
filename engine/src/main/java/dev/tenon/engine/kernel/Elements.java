package dev.tenon.engine.kernel;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.tenon.engine.BFloat16;
import dev.tenon.engine.Backend;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Layout;
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
    if (tensor.dtype() == DType.F64 && tensor.layout().isContiguous()) {
      MemorySegment.copy(bytes, F64, 0, ref.v(), 0, ref.size());
      return ref;
    }
    Rows rows = Rows.of(tensor.layout());
    rows.forEach((first, at) -> read(bytes, tensor.dtype(), at, rows.stride(), ref.v(), first, rows.length()));
    return ref;
  }

  /** A tensor's values as floats, row-major. */
  public static float[] floats(Tensor tensor) {
    float[] floats = new float[Math.toIntExact(tensor.size())];
    if (tensor.dtype() == DType.F32 && tensor.layout().isContiguous() && floats.length > 0) {
      MemorySegment.copy(span(tensor), F32, 0, floats, 0, floats.length);
      return floats;
    }
    double[] values = unpack(tensor).v();
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
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
    if (tensor.device().equals(Device.CPU)) {
      store(values.v(), tensor.dtype(), layout, span(tensor));
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes =
          layout.isContiguous() ? arena.allocate((layout.end() - start) * width, Long.BYTES) : span(tensor);
      store(values.v(), tensor.dtype(), layout, bytes);
      backend.upload(bytes, tensor.storage(), start * width);
    }
  }

  private static void store(double[] values, DType dtype, Layout layout, MemorySegment bytes) {
    if (dtype == DType.F64 && layout.isContiguous()) {
      MemorySegment.copy(values, 0, bytes, F64, 0, values.length);
      return;
    }
    Rows rows = Rows.of(layout);
    rows.forEach((first, at) -> write(bytes, dtype, at, rows.stride(), values, first, rows.length()));
  }

  private static void read(MemorySegment bytes, DType dtype, long at, long stride, double[] values, int first, int count) {
    for (int i = 0; i < count; i++) {
      values[first + i] = get(bytes, dtype, at + i * stride);
    }
  }

  private static void write(MemorySegment bytes, DType dtype, long at, long stride, double[] values, int first, int count) {
    for (int i = 0; i < count; i++) {
      set(bytes, dtype, at + i * stride, values[first + i]);
    }
  }

  /** Stores {@code value} in every element of a contiguous tensor in host memory. */
  public static void fill(Tensor tensor, double value) {
    MemorySegment bytes = tensor.bytes();
    if (bytes.byteSize() == 0) {
      return;
    }
    set(bytes, tensor.dtype(), 0, value);
    long filled = tensor.dtype().byteSize();
    while (filled < bytes.byteSize()) {
      long more = Math.min(filled, bytes.byteSize() - filled);
      MemorySegment.copy(bytes, 0, bytes, filled, more);
      filled += more;
    }
  }

  /** The bytes from the first to the last element of a tensor, in host memory. */
  private static MemorySegment span(Tensor tensor) {
    Layout layout = tensor.layout();
    int width = tensor.dtype().byteSize();
    long start = layout.start();
    return tensor.storage().download(start * width, (layout.end() - start) * width);
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
      case U8 -> bytes.get(JAVA_BYTE, i) & 0xff;
      case BOOL -> bytes.get(JAVA_BYTE, i) != 0 ? 1 : 0;
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
