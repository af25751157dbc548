package dev.tenon.training.parity;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.training.parity.GoldenCase.Expected;

/**
 * How far a value may be from its reference: {@code relative · max|ref| + absolute}.
 */
record Acceptance(double relative, double absolute) {
  /** The bound for computations in {@code dtype}; the references themselves are rounded to F32. */
  static Acceptance of(DType dtype) {
    return dtype == DType.F64 ? new Acceptance(1e-6, 1e-7) : new Acceptance(1e-4, 1e-6);
  }

  /**
   * The largest error as a multiple of the bound: above 1, or infinite, where the value is not acceptable. A null value counts
   * as zeros. Integers must agree exactly.
   *
   * @param zeroByTheory whether the reference is rounding noise around zero, which gives no scale
   */
  double error(Tensor value, Expected expected, boolean zeroByTheory) {
    if (value != null && !value.shape().equals(expected.shape())) {
      return Double.POSITIVE_INFINITY;
    }
    double[] actual = value == null ? new double[expected.values().length] : value.toDoubles();
    double largest = 0;
    double scale = 0;
    for (int i = 0; i < actual.length; i++) {
      double reference = expected.values()[i];
      double difference = actual[i] == reference ? 0 : Math.abs(actual[i] - reference);
      largest = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : Math.max(largest, difference);
      scale = Math.max(scale, Math.abs(reference));
    }
    if (!expected.dtype().isFloating()) {
      return largest == 0 ? 0 : Double.POSITIVE_INFINITY;
    }
    return largest / (zeroByTheory ? relative : relative * scale + absolute);
  }
}
