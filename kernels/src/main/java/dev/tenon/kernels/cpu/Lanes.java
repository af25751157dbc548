package dev.tenon.kernels.cpu;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

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
  private static final VectorSpecies<Float> MIDDLE = FloatVector.SPECIES_256;
  private static final VectorSpecies<Float> NARROW = FloatVector.SPECIES_128;

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

  /** {@code count} element indices, {@code apart} from each other. */
  static long[] spaced(long first, int count, long apart) {
    long[] starts = new long[count];
    for (int i = 0; i < count; i++) {
      starts[i] = first + i * apart;
    }
    return starts;
  }

  /** Element indices of a layout in row-major order. */
  static long[] indices(Layout layout) {
    Shape shape = layout.shape();
    long[] strides = layout.strides();
    long[] index = new long[Math.toIntExact(shape.size())];
    Arrays.fill(index, 0, Math.min(1, index.length), layout.offset());
    int known = 1;
    for (int d = strides.length - 1; d >= 0; d--) {
      int end = (int) (known * shape.dim(d));
      for (int i = known; i < end; i++) {
        index[i] = index[i - known] + strides[d];
      }
      known = end;
    }
    return index;
  }

  /** The lanes of matrix {@code index} alone. */
  Lanes matrix(int index) {
    int from = index * perMatrix;
    return new Lanes(data, Arrays.copyOfRange(starts, from, from + perMatrix), perMatrix, step, length);
  }

  /**
   * Packs elements {@code from … from + depth} of lanes {@code first … first + lanes} into panels of {@code width} lanes, interleaved
   * element by element; the last panel is padded with zeros.
   */
  void pack(int first, int lanes, int from, int depth, int width, float[] to, int at) {
    long[] rows = step == 1 ? new long[Math.max(width, Transpose.LEAST)] : null;
    for (int i = 0; i < lanes; i += width) {
      if (lanes - i < width) {
        Arrays.fill(to, at + i * depth, at + (i + width) * depth, 0);
      }
      panel(first + i, Math.min(width, lanes - i), from, depth, width, to, at + i * depth, rows);
    }
  }

  private void panel(int first, int lanes, int from, int depth, int width, float[] to, int at, long[] rows) {
    if (step == 1) {
      for (int l = 0; l < rows.length; l++) {
        rows[l] = starts[first + Math.min(l, lanes - 1)] + from;
      }
      Transpose.run(data, rows, lanes, depth, to, at, width);
    } else if (lanes >= NARROW.length() && adjacent(first, lanes)) {
      neighbors(starts[first] + from * step, lanes, depth, width, to, at);
    } else {
      for (int l = 0; l < lanes; l++) {
        for (int p = 0; p < depth; p++) {
          to[at + l + p * width] = data.get(Simd.FLOAT, (starts[first + l] + (from + p) * step) * 4);
        }
      }
    }
  }

  /** Copies rows of {@code count} neighbors in vectors, of which the last two may overlap. */
  private void neighbors(long start, int count, int depth, int width, float[] to, int at) {
    int l = 0;
    for (; l + Simd.LANES <= count; l += Simd.LANES) {
      for (int p = 0; p < depth; p++) {
        FloatVector.fromMemorySegment(Simd.F32, data, (start + l + p * step) * 4, Simd.ORDER).intoArray(to, at + l + p * width);
      }
    }
    if (count >= MIDDLE.length()) {
      for (; l < count; l += MIDDLE.length()) {
        int i = Math.min(l, count - MIDDLE.length());
        for (int p = 0; p < depth; p++) {
          FloatVector.fromMemorySegment(MIDDLE, data, (start + i + p * step) * 4, Simd.ORDER).intoArray(to, at + i + p * width);
        }
      }
    }
    for (; l < count; l += NARROW.length()) {
      int i = Math.min(l, count - NARROW.length());
      for (int p = 0; p < depth; p++) {
        FloatVector.fromMemorySegment(NARROW, data, (start + i + p * step) * 4, Simd.ORDER).intoArray(to, at + i + p * width);
      }
    }
  }

  /** Reads a lane's elements. */
  void read(int lane, float[] to, int at) {
    if (step == 1) {
      MemorySegment.copy(data, Simd.FLOAT, starts[lane] * 4, to, at, length);
      return;
    }
    for (int p = 0; p < length; p++) {
      to[at + p] = data.get(Simd.FLOAT, (starts[lane] + p * step) * 4);
    }
  }

  /** Writes a lane's elements. */
  void write(int lane, float[] from, int at) {
    if (step == 1) {
      MemorySegment.copy(from, at, data, Simd.FLOAT, starts[lane] * 4, length);
      return;
    }
    for (int p = 0; p < length; p++) {
      data.set(Simd.FLOAT, (starts[lane] + p * step) * 4, from[at + p]);
    }
  }

  /** Whether lanes {@code first … first + lanes} begin at neighboring elements. */
  boolean adjacent(int first, int lanes) {
    for (int l = 1; l < lanes; l++) {
      if (starts[first + l] != starts[first] + l) {
        return false;
      }
    }
    return true;
  }
}
