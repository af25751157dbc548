package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;

/** What shape inference knows of a tensor. */
public record Spec(DType dtype, Shape shape) {
  public long dim(int i) {
    return shape.dim(i);
  }

  public int rank() {
    return shape.rank();
  }

  public long bytes() {
    return shape.size() * dtype.byteSize();
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
