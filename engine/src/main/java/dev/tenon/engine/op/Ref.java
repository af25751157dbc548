package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;

/**
 * A tensor unpacked for the reference computations.
 *
 * @param v the values, row-major, as doubles (integers and booleans too)
 */
public record Ref(DType dtype, Shape shape, double[] v) {
  public static Ref zeros(DType dtype, Shape shape) {
    return new Ref(dtype, shape, new double[Math.toIntExact(shape.size())]);
  }

  public int size() {
    return v.length;
  }

  /** Extent of dimension {@code i} as an int; negative counts from the last. */
  public int dim(int i) {
    return (int) shape.dim(i);
  }

  public int rank() {
    return shape.rank();
  }
}
