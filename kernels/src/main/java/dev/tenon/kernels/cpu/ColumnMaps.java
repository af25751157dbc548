package dev.tenon.kernels.cpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Softmax along another dimension than the last: neighbors in memory belong to different rows, so each lane of a vector has a row of its
 * own, and nothing is gathered.
 */
final class ColumnMaps {
  /** Elements that are worked on together: what stays in the second cache. */
  private static final int BLOCK = 1 << 15;

  private ColumnMaps() {}

  /** Whether all operands lie without gaps, and enough elements follow each other within one position along {@code axis}. */
  static boolean fits(Call call, int axis) {
    return inner(call.input(0), axis) >= Simd.LANES
        && call.inputs().stream().allMatch(t -> t.layout().isContiguous() && t.dtype() == DType.F32);
  }

  private static int inner(Tensor x, int axis) {
    return Math.toIntExact(x.shape().product(x.shape().axis(axis) + 1, x.rank()));
  }

  /** Computes {@code count} columns of {@code n} elements, {@code step} from each other, from element {@code at} of each operand. */
  interface Body {
    void apply(long at, int n, int step, int count);
  }

  /** Runs {@code body} on all columns of the call's result. */
  static void run(Workers workers, Call call, int axis, Body body) {
    Tensor y = call.output(0);
    int n = (int) y.dim(axis);
    int inner = inner(y, axis);
    int width = Math.min(Rows.padded(inner), Math.max(1, BLOCK / n / Simd.LANES) * Simd.LANES);
    int blocks = (inner + width - 1) / width;
    int outer = Math.toIntExact(y.size() / n / inner);
    workers.run(outer * blocks, task -> {
      int from = task % blocks * width;
      body.apply((long) (task / blocks) * n * inner + from, n, inner, Math.min(width, inner - from));
    });
  }

  static void softmax(Tensor x, Tensor y, long at, int n, int step, int count) {
    int pitch = Rows.padded(count);
    float[] powers = Scratch.array(0, n * pitch + Simd.LANES);
    float[] lanes = Scratch.array(1, pitch);
    Arrays.fill(lanes, 0, pitch, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < n; i++) {
      read(x, at + (long) i * step, count, powers, i * pitch);
      largest(powers, i * pitch, pitch, lanes);
    }
    for (int i = 0; i < n; i++) {
      subtract(powers, i * pitch, pitch, lanes);
    }
    VectorMath.decay(powers, 1, 0, powers, 0, n * pitch);
    Arrays.fill(lanes, 0, pitch, 0);
    for (int i = 0; i < n; i++) {
      add(powers, i * pitch, pitch, lanes);
    }
    for (int l = 0; l < pitch; l++) {
      lanes[l] = 1 / lanes[l];
    }
    for (int i = 0; i < n; i++) {
      multiply(powers, i * pitch, pitch, lanes);
      write(powers, i * pitch, count, y, at + (long) i * step);
    }
  }

  /** {@code y·(g − Σ y·g)}. */
  static void softmaxGrad(Tensor y, Tensor g, Tensor out, long at, int n, int step, int count) {
    int pitch = Rows.padded(count);
    float[] values = Scratch.array(0, n * pitch);
    float[] grads = Scratch.array(1, n * pitch);
    float[] lanes = Scratch.array(2, pitch);
    Arrays.fill(lanes, 0, pitch, 0);
    for (int i = 0; i < n; i++) {
      read(y, at + (long) i * step, count, values, i * pitch);
      read(g, at + (long) i * step, count, grads, i * pitch);
      addProduct(values, grads, i * pitch, pitch, lanes);
    }
    for (int i = 0; i < n; i++) {
      subtract(grads, i * pitch, pitch, lanes);
    }
    BinaryMaps.multiply(values, grads, grads, n * pitch);
    for (int i = 0; i < n; i++) {
      write(grads, i * pitch, count, out, at + (long) i * step);
    }
  }

  private static void read(Tensor from, long at, int count, float[] to, int start) {
    MemorySegment.copy(from.storage().segment(), Simd.FLOAT, (from.layout().offset() + at) * 4, to, start, count);
  }

  private static void write(float[] from, int start, int count, Tensor to, long at) {
    MemorySegment.copy(from, start, to.storage().segment(), Simd.FLOAT, (to.layout().offset() + at) * 4, count);
  }

  /** The larger of each pair, NaNs left out. */
  private static void largest(float[] x, int start, int n, float[] most) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector m = FloatVector.fromArray(Simd.F32, most, i);
      FloatVector v = FloatVector.fromArray(Simd.F32, x, start + i);
      m.blend(v, v.compare(VectorOperators.GT, m)).intoArray(most, i);
    }
  }

  private static void subtract(float[] x, int start, int n, float[] y) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector.fromArray(Simd.F32, x, start + i).sub(FloatVector.fromArray(Simd.F32, y, i)).intoArray(x, start + i);
    }
  }

  private static void multiply(float[] x, int start, int n, float[] y) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector.fromArray(Simd.F32, x, start + i).mul(FloatVector.fromArray(Simd.F32, y, i)).intoArray(x, start + i);
    }
  }

  private static void add(float[] x, int start, int n, float[] sums) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector.fromArray(Simd.F32, sums, i).add(FloatVector.fromArray(Simd.F32, x, start + i)).intoArray(sums, i);
    }
  }

  private static void addProduct(float[] x, float[] y, int start, int n, float[] sums) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector product = FloatVector.fromArray(Simd.F32, x, start + i).mul(FloatVector.fromArray(Simd.F32, y, start + i));
      FloatVector.fromArray(Simd.F32, sums, i).add(product).intoArray(sums, i);
    }
  }
}
