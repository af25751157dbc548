package dev.tenon.engine.io;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Reads NumPy's {@code .npy} arrays (format versions 1 to 3), in which data sets and older checkpoints come.
 */
public final class Npy {
  private static final String FORMAT = "npy";
  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
  private static final int LONGEST_HEADER = 1 << 16;
  private static final int CHUNK = 1 << 16;

  private final Path file;
  private final String name;
  private final InputStream in;

  private Npy(Path file, String name, InputStream in) {
    this.file = file;
    this.name = name;
    this.in = in;
  }

  /**
   * Reads the array in {@code file} into memory of {@code arena}, row-major and little-endian, whatever order
   * the file has. Types f8 f4 f2 i8 i4 u1 b1 stay as they are, i1 i2 u2 become I32, u4 becomes I64. The entry
   * is named after the file, without its extension.
   *
   * @throws TenonException when the file cannot be read, is not a valid array or has an unsupported type
   */
  public static TensorEntry read(Path file, Arena arena) {
    Refusal.unlessRegularFile(file, FORMAT);
    try (InputStream in = Files.newInputStream(file)) {
      String name = file.getFileName().toString();
      return decode(file, name.endsWith(".npy") ? name.substring(0, name.length() - 4) : name, in,
          Files.size(file), arena);
    } catch (IOException e) {
      throw Refusal.of(file, FORMAT, e);
    }
  }

  /** Reads the array that makes up the whole of {@code in}, which holds {@code length} bytes. */
  static TensorEntry decode(Path file, String name, InputStream in, long length, Arena arena)
      throws IOException {
    Npy npy = new Npy(file, name, in);
    try {
      return npy.decode(length, arena);
    } catch (EOFException _) {
      throw npy.refusal("it is cut short");
    }
  }

  private TensorEntry decode(long length, Arena arena) throws IOException {
    ByteBuffer start = bytes(MAGIC.length + 2);
    if (!Arrays.equals(start.array(), 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
      throw refusal("it does not begin as an array does");
    }
    int version = start.get(MAGIC.length);
    if (version < 1 || version > 3 || start.get(MAGIC.length + 1) != 0) {
      throw refusal("its format version is none of 1.0, 2.0 and 3.0");
    }
    int lengthField = version == 1 ? Short.BYTES : Integer.BYTES;
    ByteBuffer field = bytes(lengthField);
    long headerLength =
        version == 1 ? Short.toUnsignedLong(field.getShort()) : Integer.toUnsignedLong(field.getInt());
    long dataLength = length - start.capacity() - lengthField - headerLength;
    if (dataLength < 0 || headerLength > LONGEST_HEADER) {
      throw refusal(
          "its header claims " + headerLength + " bytes, more than the array holds or than is allowed");
    }
    byte[] header = bytes((int) headerLength).array();
    NpyHeader parsed = NpyHeader.parse(
        new String(header, version == 3 ? StandardCharsets.UTF_8 : StandardCharsets.ISO_8859_1),
        this::refusal);
    return data(parsed, type(parsed.descr()), dataLength, arena);
  }

  private NpyType type(String descr) {
    NpyType type = NpyType.of(descr);
    if (type == null) {
      throw new TenonException("array " + Quoted.of(name) + " of " + file + " has type " + Quoted.of(descr)
          + (descr.contains("O") ? " (pickled Python objects)" : "")
          + ", which is not supported; convert it to a number type of at most 64 bits");
    }
    return type;
  }

  private TensorEntry data(NpyHeader header, NpyType type, long dataLength, Arena arena) throws IOException {
    Shape shape = header.shape();
    // Checked before anything is allocated: memory is only taken for data that is there. The width is that in
    // memory, which also proves that widening cannot overflow.
    long size = ByteSizes.checked(shape, type.dtype().byteSize());
    if (size < 0 || size / type.dtype().byteSize() * type.width() != dataLength) {
      throw refusal("its shape " + shape + " and type " + header.descr() + " do not take the " + dataLength
          + " bytes that follow the header");
    }
    DType dtype = type.dtype();
    MemorySegment data = arena.allocate(size, Long.BYTES);
    boolean columnMajor = header.fortranOrder() && shape.rank() > 1;
    RowMajorOffsets offsets = columnMajor ? new RowMajorOffsets(shape, dtype.byteSize()) : null;
    long written = 0;
    while (written < size) {
      int count = (int) Math.min(CHUNK / type.width(), (size - written) / dtype.byteSize());
      ByteBuffer chunk = bytes(count * type.width()).order(type.order());
      if (type.isVerbatim() && !columnMajor) {
        MemorySegment.copy(MemorySegment.ofBuffer(chunk), 0, data, written, chunk.remaining());
      } else {
        for (int i = 0; i < count; i++) {
          type.move(chunk, data, columnMajor ? offsets.next() : written + (long) i * dtype.byteSize());
        }
      }
      written += (long) count * dtype.byteSize();
    }
    return new TensorEntry(name, dtype, shape, data.asReadOnly());
  }

  private ByteBuffer bytes(int count) throws IOException {
    byte[] bytes = in.readNBytes(count);
    if (bytes.length < count) {
      throw new EOFException();
    }
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private TenonException refusal(String what) {
    return Refusal.of(file, FORMAT, "array " + Quoted.of(name) + ": " + what);
  }

  /** Walks a shape with the first index fastest and tells where each element goes in row-major order. */
  private static final class RowMajorOffsets {
    private final long[] extents;
    private final long[] strides;
    private final long[] index;
    private long offset;

    RowMajorOffsets(Shape shape, int byteSize) {
      extents = shape.toArray();
      strides = new long[extents.length];
      index = new long[extents.length];
      long stride = byteSize;
      for (int d = extents.length - 1; d >= 0; d--) {
        strides[d] = stride;
        stride *= extents[d];
      }
    }

    long next() {
      long current = offset;
      for (int d = 0; d < extents.length; d++) {
        offset += strides[d];
        if (++index[d] < extents[d]) {
          break;
        }
        offset -= extents[d] * strides[d];
        index[d] = 0;
      }
      return current;
    }
  }
}
