package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;

/** What shape inference knows of a tensor. */
public record Spec(DType dtype, Shape shape) {
  public long dim(int i) {
    return shape.dim(i);
  }

  public int rank() {
    return shape.rank();
  }

  /**
   * Bytes the elements take.
   *
   * @throws TenonException when there are more than any memory holds
   */
  public long bytes() {
    try {
      return Math.multiplyExact(shape.size(), (long) dtype.byteSize());
    } catch (ArithmeticException e) {
      throw new TenonException("a " + dtype + " tensor of shape " + shape + " is too large for any memory", e);
    }
  }

  /** The same type under another shape. */
  public Spec with(Shape other) {
    return new Spec(dtype, other);
  }

  @Override
  public String toString() {
    return shape + " " + dtype;
  }
}
