package dev.tenon.kernels.cpu;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * One operand of a matrix product, seen as lanes along the reduced dimension: the rows of the left operand, the columns of the
 * right one. Any strides will do, so transposed and sliced views are packed without being copied first.
 *
 * @param starts element index of each lane's first element; lanes of one matrix follow each other
 * @param perMatrix lanes in one matrix
 * @param step distance in elements between neighbors of a lane
 * @param length elements in a lane
 */
record Lanes(MemorySegment data, long[] starts, int perMatrix, long step, int length) {
  /** Elements of a lane read at a time, so that what is read and what is written stay in the first cache. */
  private static final int STRIP = 128;
  private static final ThreadLocal<float[]> ROWS = ThreadLocal.withInitial(() -> new float[MicroKernel.COLUMNS * STRIP]);

  /** Lanes along dimension {@code along} of the last two; all others lead. */
  static Lanes of(Tensor tensor, int across, int along) {
    Layout layout = tensor.layout();
    int lead = layout.shape().rank() - 2;
    long[] strides = layout.strides();
    long[] starts = indices(Layout.of(
        layout.shape().slice(0, lead).concat(Shape.of(tensor.dim(across))), laneStrides(strides, lead, layout.stride(across)),
        layout.offset()));
    return new Lanes(tensor.storage().segment(), starts, (int) tensor.dim(across), layout.stride(along), (int) tensor.dim(along));
  }

  /** Every row of the last dimension as a lane of one matrix. */
  static Lanes rows(Tensor tensor) {
    Layout layout = tensor.layout();
    int last = layout.shape().rank() - 1;
    long[] strides = laneStrides(layout.strides(), last - 1, last == 0 ? 0 : layout.stride(last - 1));
    Shape lead = layout.shape().slice(0, last);
    long[] starts = last == 0 ? new long[] {layout.offset()} : indices(Layout.of(lead, strides, layout.offset()));
    return new Lanes(tensor.storage().segment(), starts, starts.length, layout.stride(last), (int) tensor.dim(-1));
  }

  private static long[] laneStrides(long[] strides, int lead, long last) {
    long[] result = new long[Math.max(0, lead) + 1];
    System.arraycopy(strides, 0, result, 0, Math.max(0, lead));
    result[result.length - 1] = last;
    return result;
  }

  /** Element indices of a layout in row-major order. */
  static long[] indices(Layout layout) {
    Shape shape = layout.shape();
    long[] index = new long[Math.toIntExact(shape.size())];
    long[] position = new long[shape.rank()];
    long at = layout.offset();
    for (int i = 0; i < index.length; i++) {
      index[i] = at;
      for (int d = position.length - 1; d >= 0; d--) {
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

  /** The lanes of matrix {@code index} alone. */
  Lanes matrix(int index) {
    int from = index * perMatrix;
    return new Lanes(data, Arrays.copyOfRange(starts, from, from + perMatrix), perMatrix, step, length);
  }

  /**
   * Packs elements {@code from … from + depth} of lanes {@code first … first + lanes} into panels of {@code width} lanes,
   * interleaved element by element; the last panel is padded with zeros.
   */
  void pack(int first, int lanes, int from, int depth, int width, float[] to, int at) {
    for (int i = 0; i < lanes; i += width) {
      panel(first + i, Math.min(width, lanes - i), from, depth, width, to, at + i * depth);
    }
  }

  private void panel(int first, int lanes, int from, int depth, int width, float[] to, int at) {
    if (lanes < width) {
      Arrays.fill(to, at, at + width * depth, 0);
    }
    if (step != 1 && starts[first + lanes - 1] - starts[first] == lanes - 1) {
      for (int p = 0; p < depth; p++) {
        MemorySegment.copy(data, Simd.FLOAT, (starts[first] + (from + p) * step) * 4, to, at + p * width, lanes);
      }
      return;
    }
    float[] rows = ROWS.get();
    for (int p = 0; p < depth; p += STRIP) {
      int strip = Math.min(STRIP, depth - p);
      for (int l = 0; l < lanes; l++) {
        read(starts[first + l] + (from + p) * step, strip, rows, l * STRIP);
      }
      interleave(rows, lanes, strip, width, to, at + p * width);
    }
  }

  private static void interleave(float[] rows, int lanes, int strip, int width, float[] to, int at) {
    int l = 0;
    for (; l + 4 <= lanes; l += 4) {
      int r = l * STRIP;
      for (int p = 0; p < strip; p++) {
        int t = at + p * width + l;
        to[t] = rows[r + p];
        to[t + 1] = rows[r + STRIP + p];
        to[t + 2] = rows[r + 2 * STRIP + p];
        to[t + 3] = rows[r + 3 * STRIP + p];
      }
    }
    for (; l < lanes; l++) {
      for (int p = 0; p < strip; p++) {
        to[at + p * width + l] = rows[l * STRIP + p];
      }
    }
  }

  private void read(long start, int count, float[] row, int at) {
    if (step == 1) {
      MemorySegment.copy(data, Simd.FLOAT, start * 4, row, at, count);
      return;
    }
    for (int p = 0; p < count; p++) {
      row[at + p] = data.get(Simd.FLOAT, (start + p * step) * 4);
    }
  }
}
