package dev.tenon.kernels.gpu;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import java.util.Arrays;
import java.util.Optional;

/**
 * How operands of a common shape lie in memory, as GPU kernels step through them: dimensions of extent 1 are gone, and neighboring
 * dimensions that all operands step through alike are one.
 *
 * @param dims extents, the innermost last
 * @param strides for each operand its step in elements along each dimension
 */
public record Walk(long size, long[] dims, long[][] strides) {
  /** As many as a kernel takes. */
  private static final int MOST_DIMS = 6;
  private static final int MOST_OPERANDS = 4;

  /** Over {@code shape}, to which every operand broadcasts. */
  public static Walk of(Shape shape, Layout... operands) {
    Layout[] full = new Layout[operands.length];
    for (int n = 0; n < full.length; n++) {
      full[n] = operands[n].shape().equals(shape) ? operands[n] : operands[n].expand(shape);
    }
    long[] dims = new long[Math.max(1, shape.rank())];
    long[][] strides = new long[operands.length][dims.length];
    int rank = 0;
    for (int d = 0; d < shape.rank(); d++) {
      if (shape.dim(d) == 1) {
        continue;
      }
      if (rank > 0 && continues(full, strides, rank - 1, d)) {
        rank--;
        dims[rank] *= shape.dim(d);
      } else {
        dims[rank] = shape.dim(d);
      }
      for (int n = 0; n < full.length; n++) {
        strides[n][rank] = full[n].stride(d);
      }
      rank++;
    }
    for (int n = 0; n < strides.length; n++) {
      strides[n] = Arrays.copyOf(strides[n], rank);
    }
    return new Walk(shape.size(), Arrays.copyOf(dims, rank), strides);
  }

  /** Whether every operand's walk along dimension {@code d} goes on where the one before it, {@code outer}, steps to. */
  private static boolean continues(Layout[] operands, long[][] strides, int outer, int d) {
    for (int n = 0; n < operands.length; n++) {
      if (strides[n][outer] != operands[n].stride(d) * operands[n].shape().dim(d)) {
        return false;
      }
    }
    return true;
  }

  /** Whether a kernel can take it: few enough dimensions, and every distance fits its 32-bit arithmetic. */
  public boolean fits() {
    boolean fits = dims.length <= MOST_DIMS && size <= Integer.MAX_VALUE;
    for (long[] operand : strides) {
      long reach = 0;
      for (int d = 0; d < dims.length; d++) {
        reach += (dims[d] - 1) * Math.abs(operand[d]);
      }
      fits &= reach <= Integer.MAX_VALUE;
    }
    return fits;
  }

  /** The same walk by groups of {@code n} elements that are neighbors for every operand, in such groups; empty if not all are in one. */
  public Optional<Walk> grouped(int n) {
    int last = dims.length - 1;
    if (last < 0 || dims[last] % n != 0) {
      return Optional.empty();
    }
    long[] fewer = dims.clone();
    fewer[last] /= n;
    long[][] steps = new long[strides.length][];
    for (int k = 0; k < strides.length; k++) {
      steps[k] = Arrays.stream(strides[k]).map(s -> s / n).toArray();
      steps[k][last] = 1;
      for (int d = 0; d < last; d++) {
        if (strides[k][d] % n != 0) {
          return Optional.empty();
        }
      }
      if (strides[k][last] != 1) {
        return Optional.empty();
      }
    }
    return Optional.of(new Walk(size / n, fewer, steps));
  }

  /** The walk over all but the innermost {@code dropped} dimensions. */
  public Walk outer(int dropped) {
    int rank = Math.max(0, dims.length - dropped);
    long[] kept = Arrays.copyOf(dims, rank);
    long[][] steps = Arrays.stream(strides).map(s -> Arrays.copyOf(s, rank)).toArray(long[][]::new);
    return new Walk(Arrays.stream(kept).reduce(1, (a, b) -> a * b), kept, steps);
  }

  /** The extent of dimension {@code fromLast}, where 1 is the innermost; 1 where there is none. */
  public int extent(int fromLast) {
    return dims.length < fromLast ? 1 : Math.toIntExact(dims[dims.length - fromLast]);
  }

  /** An operand's step along that dimension; 0 where there is none. */
  public int step(int operand, int fromLast) {
    return dims.length < fromLast ? 0 : Math.toIntExact(strides[operand][dims.length - fromLast]);
  }

  /** As the kernels' structure {@code Walk}; an empty walk of rank 0 has one element. */
  public int[] pack() {
    int[] packed = new int[2 + MOST_DIMS * (1 + MOST_OPERANDS)];
    packed[0] = dims.length;
    packed[1] = Math.toIntExact(size);
    for (int d = 0; d < dims.length; d++) {
      packed[2 + d] = Math.toIntExact(dims[d]);
      for (int n = 0; n < strides.length; n++) {
        packed[2 + MOST_DIMS * (1 + n) + d] = Math.toIntExact(strides[n][d]);
      }
    }
    return packed;
  }
}
