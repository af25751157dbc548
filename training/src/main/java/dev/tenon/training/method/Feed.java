package dev.tenon.training.method;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Spec;
import java.lang.foreign.MemorySegment;

/** A value that the host hands to each step: its type and shape, which never change, and its row-major bytes, which do. */
record Feed(Spec spec, MemorySegment bytes) {
  static Feed of(float[] values, long... shape) {
    return new Feed(new Spec(DType.F32, Shape.of(shape)), MemorySegment.ofArray(values));
  }

  /** Values of F64 or, rounded, of F32. */
  static Feed of(DType type, double... values) {
    if (type == DType.F64) {
      return new Feed(new Spec(type, Shape.of(values.length)), MemorySegment.ofArray(values));
    }
    float[] rounded = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      rounded[i] = (float) values[i];
    }
    return of(rounded, values.length);
  }

  static Feed of(long[] values, long... shape) {
    return new Feed(new Spec(DType.I64, Shape.of(shape)), MemorySegment.ofArray(values));
  }

  /** The value in memory of its own. */
  Tensor tensor() {
    return Tensor.of(spec.dtype(), spec.shape(), bytes);
  }

  /** Writes the value to memory that holds one of its kind. */
  void into(Tensor tensor) {
    tensor.storage().backend().upload(bytes, tensor.storage(), 0);
  }
}
