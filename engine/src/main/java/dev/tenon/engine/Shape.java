package dev.tenon.engine;

import java.util.Arrays;
import java.util.stream.LongStream;

/** The extents of a tensor, outermost dimension first; the empty shape is a scalar. Immutable. */
public final class Shape {
  private static final long UNKNOWN = -1;

  private final long[] dims;
  private long size = UNKNOWN; // found when first asked for: a race finds the same

  private Shape(long[] dims) {
    for (long d : dims) {
      if (d < 0) {
        throw new IllegalArgumentException("a dimension cannot be negative: " + Arrays.toString(dims));
      }
    }
    this.dims = dims;
  }

  public static Shape of(long... dims) {
    return new Shape(dims.clone());
  }

  public int rank() {
    return dims.length;
  }

  /** Extent of dimension {@code i}; negative counts from the last. */
  public long dim(int i) {
    return dims[axis(i)];
  }

  /** The non-negative index of dimension {@code i}, which may count from the last. */
  public int axis(int i) {
    int a = i < 0 ? i + dims.length : i;
    if (a < 0 || a >= dims.length) {
      throw new IllegalArgumentException("dimension " + i + " does not exist in shape " + this);
    }
    return a;
  }

  /** Number of elements; 1 for a scalar. */
  public long size() {
    if (size == UNKNOWN) {
      long n = 1;
      for (long d : dims) {
        n = Math.multiplyExact(n, d);
      }
      size = n;
    }
    return size;
  }

  public long[] toArray() {
    return dims.clone();
  }

  /** This shape with dimension {@code i} set to {@code extent}. */
  public Shape with(int i, long extent) {
    long[] d = dims.clone();
    d[axis(i)] = extent;
    return new Shape(d);
  }

  /** This shape without dimension {@code i}. */
  public Shape without(int i) {
    int a = axis(i);
    return new Shape(
        LongStream.range(0, dims.length).filter(j -> j != a).map(j -> dims[(int) j]).toArray());
  }

  /** This shape with a new dimension inserted before position {@code i} (0 … rank). */
  public Shape insert(int i, long extent) {
    long[] d = new long[dims.length + 1];
    System.arraycopy(dims, 0, d, 0, i);
    d[i] = extent;
    System.arraycopy(dims, i, d, i + 1, dims.length - i);
    return new Shape(d);
  }

  /** The dimensions {@code from} (inclusive) to {@code to} (exclusive). */
  public Shape slice(int from, int to) {
    return new Shape(Arrays.copyOfRange(dims, from, to));
  }

  public Shape concat(Shape tail) {
    long[] d = Arrays.copyOf(dims, dims.length + tail.dims.length);
    System.arraycopy(tail.dims, 0, d, dims.length, tail.dims.length);
    return new Shape(d);
  }

  /** Product of the dimensions {@code from} (inclusive) to {@code to} (exclusive). */
  public long product(int from, int to) {
    return slice(from, to).size();
  }

  /**
   * The shape two operands broadcast to by NumPy's rule.
   *
   * @throws IllegalArgumentException when they do not broadcast
   */
  public static Shape broadcast(Shape a, Shape b) {
    int rank = Math.max(a.rank(), b.rank());
    long[] d = new long[rank];
    for (int i = 1; i <= rank; i++) {
      long x = i <= a.rank() ? a.dims[a.rank() - i] : 1;
      long y = i <= b.rank() ? b.dims[b.rank() - i] : 1;
      if (x != y && x != 1 && y != 1) {
        throw new IllegalArgumentException("shapes " + a + " and " + b + " do not broadcast");
      }
      d[rank - i] = x == 1 ? y : x;
    }
    return new Shape(d);
  }

  /** Whether this shape broadcasts to exactly {@code target}. */
  public boolean broadcastsTo(Shape target) {
    if (rank() > target.rank()) {
      return false;
    }
    int lead = target.rank() - rank();
    for (int i = 0; i < rank(); i++) {
      if (dims[i] != 1 && dims[i] != target.dims[lead + i]) {
        return false;
      }
    }
    return true;
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Shape s && Arrays.equals(dims, s.dims);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(dims);
  }

  @Override
  public String toString() {
    return Arrays.toString(dims);
  }
}
