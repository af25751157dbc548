package dev.tenon.kernels.cpu;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.lang.foreign.MemorySegment;

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

  int matrices() {
    return perMatrix == 0 ? 0 : starts.length / perMatrix;
  }

  /** Packs all lanes into panels of {@code width}, interleaved element by element and padded with zeros. */
  float[] pack(int width, Workers workers) {
    if (length == 0) {
      return new float[0];
    }
    int panels = (perMatrix + width - 1) / width;
    int size = width * length;
    float[] packed = new float[Math.toIntExact((long) matrices() * panels * size)];
    int group = Math.max(1, (1 << 14) / Math.max(1, size));
    int total = matrices() * panels;
    workers.run((total + group - 1) / group, g -> {
      for (int i = g * group; i < Math.min(total, (g + 1) * group); i++) {
        int first = i % panels * width;
        panel(packed, i * size, width, i / panels * perMatrix + first, Math.min(width, perMatrix - first));
      }
    });
    return packed;
  }

  private void panel(float[] packed, int at, int width, int lane, int lanes) {
    boolean adjacent = step != 1 && starts[lane + lanes - 1] - starts[lane] == lanes - 1;
    for (int p = 0; p < length && adjacent; p++) {
      MemorySegment.copy(data, Simd.FLOAT, (starts[lane] + p * step) * 4, packed, at + p * width, lanes);
    }
    float[] row = new float[adjacent ? 0 : length];
    for (int l = 0; l < lanes && !adjacent; l++) {
      read(starts[lane + l], row);
      for (int p = 0; p < length; p++) {
        packed[at + p * width + l] = row[p];
      }
    }
  }

  private void read(long start, float[] row) {
    if (step == 1) {
      MemorySegment.copy(data, Simd.FLOAT, start * 4, row, 0, length);
      return;
    }
    for (int p = 0; p < length; p++) {
      row[p] = data.get(Simd.FLOAT, (start + p * step) * 4);
    }
  }
}
