package dev.tenon.engine.io;

import dev.tenon.engine.Shape;

/** Works out how many bytes a shape from a foreign file takes without trusting it. */
final class ByteSizes {
  private ByteSizes() {}

  /**
   * Bytes a dense tensor takes, or -1 when that, or any product of its non-zero extents (strides are such
   * products), exceeds 2^63-1.
   */
  static long checked(Shape shape, int byteSize) {
    long size = byteSize;
    boolean empty = false;
    for (int i = 0; i < shape.rank(); i++) {
      long extent = shape.dim(i);
      empty |= extent == 0;
      if (extent > Long.MAX_VALUE / size) {
        return -1;
      }
      size *= Math.max(extent, 1);
    }
    return empty ? 0 : size;
  }
}
