package dev.tenon.engine;

import java.util.Arrays;
import java.util.Optional;

/**
 * How a tensor's elements lie in its storage: element {@code (i0, i1, …)} is at {@code offset + Σ i·stride}, all counted in
 * elements. Immutable; every view of a tensor is a new layout over the same storage.
 */
public final class Layout {
  private final Shape shape;
  private final long[] strides;
  private final long offset;

  private Layout(Shape shape, long[] strides, long offset) {
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
  }

  public static Layout of(Shape shape, long[] strides, long offset) {
    if (strides.length != shape.rank()) {
      throw new IllegalArgumentException(strides.length + " strides given for shape " + shape);
    }
    return new Layout(shape, strides.clone(), offset);
  }

  /** Row-major without gaps, starting at element 0. */
  public static Layout contiguous(Shape shape) {
    return new Layout(shape, rowMajor(shape), 0);
  }

  private static long[] rowMajor(Shape shape) {
    long[] strides = new long[shape.rank()];
    long next = 1;
    for (int i = strides.length - 1; i >= 0; i--) {
      strides[i] = next;
      next *= Math.max(1, shape.dim(i));
    }
    return strides;
  }

  public Shape shape() {
    return shape;
  }

  public long offset() {
    return offset;
  }

  /** Distance in elements between neighbours along dimension {@code i}; negative {@code i} counts from the last. */
  public long stride(int i) {
    return strides[shape.axis(i)];
  }

  public long[] strides() {
    return strides.clone();
  }

  /** Whether elements lie row-major without gaps (the offset may be anything). */
  public boolean isContiguous() {
    long next = 1;
    for (int i = strides.length - 1; i >= 0; i--) {
      if (shape.dim(i) != 1 && strides[i] != next) {
        return shape.size() == 0;
      }
      next *= shape.dim(i);
    }
    return true;
  }

  /** One past the highest element index this layout reaches; 0 when it has no elements. */
  public long end() {
    if (shape.size() == 0) {
      return 0;
    }
    long last = offset;
    for (int i = 0; i < strides.length; i++) {
      last += Math.max(0, (shape.dim(i) - 1) * strides[i]);
    }
    return last + 1;
  }

  /** The lowest element index this layout reaches (strides may be negative); 0 when it has no elements. */
  public long start() {
    if (shape.size() == 0) {
      return 0;
    }
    long first = offset;
    for (int i = 0; i < strides.length; i++) {
      first += Math.min(0, (shape.dim(i) - 1) * strides[i]);
    }
    return first;
  }

  /** Dimension {@code i} of the result is dimension {@code order[i]} of this. */
  public Layout permute(int... order) {
    long[] d = new long[order.length];
    long[] s = new long[order.length];
    for (int i = 0; i < order.length; i++) {
      d[i] = shape.dim(order[i]);
      s[i] = strides[order[i]];
    }
    return new Layout(Shape.of(d), s, offset);
  }

  /** Elements {@code from, from + step, …} below {@code to} of dimension {@code axis}. */
  public Layout slice(int axis, long from, long to, long step) {
    long[] s = strides.clone();
    s[axis] *= step;
    long extent = Math.max(0, (to - from + step - 1) / step);
    return new Layout(shape.with(axis, extent), s, offset + from * strides[axis]);
  }

  /** Repeats dimensions of extent 1 (and new leading ones) to {@code target} with stride 0. */
  public Layout expand(Shape target) {
    long[] s = new long[target.rank()];
    int lead = target.rank() - shape.rank();
    for (int i = lead; i < s.length; i++) {
      s[i] = shape.dim(i - lead) == target.dim(i) ? strides[i - lead] : 0;
    }
    return new Layout(target, s, offset);
  }

  /** The same elements under another shape, or empty where that cannot be said with strides. */
  public Optional<Layout> reshape(Shape target) {
    if (shape.size() == 0) {
      return Optional.of(new Layout(target, rowMajor(target), offset));
    }
    Layout runs = merged();
    long[] s = new long[target.rank()];
    int run = runs.strides.length - 1;
    long stride = run >= 0 ? runs.strides[run] : 1;
    long left = run >= 0 ? runs.shape.dim(run) : 1;
    for (int i = s.length - 1; i >= 0; i--) {
      long extent = target.dim(i);
      if (extent != 1 && left == 1) {
        run--;
        if (run < 0) {
          return Optional.empty();
        }
        stride = runs.strides[run];
        left = runs.shape.dim(run);
      }
      if (extent == 0 || left % extent != 0) {
        return Optional.empty();
      }
      s[i] = stride;
      stride *= extent;
      left /= extent;
    }
    return Optional.of(new Layout(target, s, offset));
  }

  /** The same elements in as few dimensions as strides allow, none of extent 1. */
  private Layout merged() {
    long[] d = new long[strides.length];
    long[] s = new long[strides.length];
    int n = 0;
    for (int i = 0; i < strides.length; i++) {
      long extent = shape.dim(i);
      if (extent == 1) {
        continue;
      }
      if (n > 0 && s[n - 1] == strides[i] * extent) {
        d[n - 1] *= extent;
      } else {
        d[n++] = extent;
      }
      s[n - 1] = strides[i];
    }
    return new Layout(Shape.of(Arrays.copyOf(d, n)), Arrays.copyOf(s, n), offset);
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Layout l && shape.equals(l.shape) && Arrays.equals(strides, l.strides) && offset == l.offset;
  }

  @Override
  public int hashCode() {
    return 31 * (31 * shape.hashCode() + Arrays.hashCode(strides)) + Long.hashCode(offset);
  }

  @Override
  public String toString() {
    return shape + " strides " + Arrays.toString(strides) + " offset " + offset;
  }
}
