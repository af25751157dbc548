package dev.tenon.engine.op;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;

/** Walks over strided and broadcast operands for the reference computations. */
final class Strides {
  private Strides() {}

  /** Copies the elements {@code layout} reaches in {@code source} to {@code target}, row-major. */
  static void gather(double[] source, Layout layout, double[] target) {
    int[] index = indices(layout);
    for (int i = 0; i < target.length; i++) {
      target[i] = source[index[i]];
    }
  }

  /** For each element of {@code target}, row-major, the index of the element of {@code shape} that broadcasts to it. */
  static int[] broadcast(Shape shape, Shape target) {
    return indices(Layout.contiguous(shape).expand(target));
  }

  /** Element indices of a layout in row-major order. */
  static int[] indices(Layout layout) {
    Shape shape = layout.shape();
    int[] index = new int[Math.toIntExact(shape.size())];
    int rank = shape.rank();
    long[] position = new long[rank];
    long at = layout.offset();
    for (int i = 0; i < index.length; i++) {
      index[i] = (int) at;
      for (int d = rank - 1; d >= 0; d--) {
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
}
