package dev.tenon.kernels.gpu;

import dev.tenon.engine.Shape;

/**
 * The lines of a row-major tensor along one dimension.
 *
 * @param length elements in a line
 * @param inner distance between neighbors in a line
 * @param count number of lines
 */
public record Lines(int length, int inner, int count) {
  /** Along {@code axis} of {@code shape}; negative counts from the last. */
  public static Lines of(Shape shape, int axis) {
    int a = shape.axis(axis);
    int inner = Math.toIntExact(shape.product(a + 1, shape.rank()));
    return new Lines(Math.toIntExact(shape.dim(a)), inner, Math.toIntExact(shape.product(0, a) * inner));
  }

  /** As the kernels' structure {@code Lines}. */
  public int[] pack() {
    return new int[] {length, inner, count};
  }
}
