package dev.tenon.kernels.cpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Layout;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Elements;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * The elements of a strided or broadcast tensor in row-major order, read into and written from arrays of floats. Kernels work on such
 * arrays, which stay in the first cache, so that no kernel has to know about strides.
 *
 * @param dims extents with neighbors merged where one stride serves both; at least one
 */
record Strided(MemorySegment data, DType dtype, long[] dims, long[] strides, long offset) {
  /** Below this many elements a vector loop beats the bulk copy. */
  private static final int SHORT = 64;

  static Strided of(Tensor tensor) {
    return of(tensor, tensor.layout());
  }

  /** The tensor's memory as {@code layout} sees it. */
  static Strided of(Tensor tensor, Layout layout) {
    long[] dims = new long[Math.max(1, layout.shape().rank())];
    long[] strides = new long[dims.length];
    int rank = 0;
    for (int d = 0; d < layout.shape().rank(); d++) {
      long dim = layout.shape().dim(d);
      long stride = layout.stride(d);
      if (rank > 0 && strides[rank - 1] == stride * dim) {
        dims[rank - 1] *= dim;
        strides[rank - 1] = stride;
      } else if (dim != 1) {
        dims[rank] = dim;
        strides[rank++] = stride;
      }
    }
    if (rank == 0) {
      dims[rank++] = 1;
    }
    return new Strided(
        tensor.storage().segment(), tensor.dtype(), Arrays.copyOf(dims, rank), Arrays.copyOf(strides, rank), layout.offset());
  }

  long size() {
    long size = 1;
    for (long d : dims) {
      size *= d;
    }
    return size;
  }

  /** Whether every row of {@code width} elements is the same memory. */
  boolean repeats(int width) {
    int last = dims.length - 1;
    return strides[0] == 0 && (last == 0 || last == 1 && dims[1] == width) || size() == width;
  }

  /** Whether the elements follow each other in memory. */
  boolean isDense() {
    return dims.length == 1 && (strides[0] == 1 || dims[0] == 1);
  }

  /** Copies a row of dense F32 elements that is not shorter than a vector; its last two vectors overlap. */
  void readRow(long from, float[] to, int at, int n) {
    for (int i = 0; i < n; i += Simd.LANES) {
      int j = Math.min(i, n - Simd.LANES);
      FloatVector.fromMemorySegment(Simd.F32, data, (offset + from + j) * 4, Simd.ORDER).intoArray(to, at + j);
    }
  }

  /** What happens to a run of evenly spaced elements. */
  private interface Run {
    void move(int at, long start, long step, int count);
  }

  /** Reads elements {@code from} … {@code from + n} to the start of {@code to}. */
  void read(long from, int n, float[] to) {
    if (dims.length == 1) {
      read(to, 0, offset + from * strides[0], strides[0], n);
      return;
    }
    walk(from, n, (at, start, step, count) -> read(to, at, start, step, count));
  }

  /** Writes the first {@code n} values of {@code values} to elements {@code from} …. */
  void write(long from, int n, float[] values) {
    if (dims.length == 1) {
      write(values, 0, offset + from * strides[0], strides[0], n);
      return;
    }
    walk(from, n, (at, start, step, count) -> write(values, at, start, step, count));
  }

  /** Whether neighbors are so many in memory that runs of them are best copied by themselves, whatever their type. */
  boolean hasLongRuns() {
    int last = dims.length - 1;
    return strides[last] == 1 && dims[last] >= SHORT;
  }

  /** Copies elements {@code from} … {@code from + n} to the same elements of {@code to}, which has the same type. */
  void copy(long from, int n, Strided to) {
    long bytes = dtype.byteSize();
    to.walk(from, n, (at, target, _, count) -> walk(from + at, count, (ahead, source, _, part) ->
        MemorySegment.copy(data, source * bytes, to.data, (target + ahead) * bytes, part * bytes)));
  }

  private void walk(long from, int n, Run run) {
    int last = dims.length - 1;
    long[] position = new long[dims.length];
    long start = offset;
    long rest = from;
    for (int d = last; d >= 0 && rest > 0; d--) {
      position[d] = rest % dims[d];
      start += position[d] * strides[d];
      rest /= dims[d];
    }
    for (int at = 0; at < n;) {
      int count = (int) Math.min(n - at, dims[last] - position[last]);
      run.move(at, start, strides[last], count);
      at += count;
      start += (count - 1) * strides[last];
      position[last] += count - 1;
      for (int d = last; d >= 0; d--) {
        start += strides[d];
        if (++position[d] < dims[d]) {
          break;
        }
        start -= position[d] * strides[d];
        position[d] = 0;
      }
    }
  }

  private void read(float[] to, int at, long start, long step, int count) {
    if (dtype != DType.F32) {
      for (int i = 0; i < count; i++) {
        to[at + i] = (float) Elements.get(data, dtype, start + i * step);
      }
    } else if (step == 0) {
      Arrays.fill(to, at, at + count, data.get(Simd.FLOAT, start * 4));
    } else if (step == 1 && count >= SHORT) {
      MemorySegment.copy(data, Simd.FLOAT, start * 4, to, at, count);
    } else {
      int i = 0;
      for (; step == 1 && i + Simd.LANES <= count; i += Simd.LANES) {
        FloatVector.fromMemorySegment(Simd.F32, data, (start + i) * 4, Simd.ORDER).intoArray(to, at + i);
      }
      for (; i < count; i++) {
        to[at + i] = data.get(Simd.FLOAT, (start + i * step) * 4);
      }
    }
  }

  private void write(float[] values, int at, long start, long step, int count) {
    if (dtype != DType.F32) {
      for (int i = 0; i < count; i++) {
        Elements.set(data, dtype, start + i * step, values[at + i]);
      }
    } else if (step == 1 && count >= SHORT) {
      MemorySegment.copy(values, at, data, Simd.FLOAT, start * 4, count);
    } else {
      int i = 0;
      for (; step == 1 && i + Simd.LANES <= count; i += Simd.LANES) {
        FloatVector.fromArray(Simd.F32, values, at + i).intoMemorySegment(data, (start + i) * 4, Simd.ORDER);
      }
      for (; i < count; i++) {
        data.set(Simd.FLOAT, (start + i * step) * 4, values[at + i]);
      }
    }
  }
}
