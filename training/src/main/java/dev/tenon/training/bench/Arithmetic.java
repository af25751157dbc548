package dev.tenon.training.bench;

import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.engine.Precision;
import java.util.List;

/** What a workload's elements are and how they are computed with. */
public enum Arithmetic {
  /** F32, strictly. */
  FP32(DType.F32, Precision.FP32, DType.F32.roundoff()),
  /** F32, whose products round their factors to 10 bits after the point. */
  TF32(DType.F32, Precision.TF32, 0x1p-11),
  /** F32, whose products split their factors into parts that together keep its bits. */
  SPLIT(DType.F32, Precision.FP32_SPLIT, DType.F32.roundoff()),
  /** BF16, with sums in F32. */
  BF16(DType.BF16, Precision.FP32, DType.BF16.roundoff());

  private final DType dtype;
  private final Precision precision;
  private final double roundoff;

  Arithmetic(DType dtype, Precision precision, double roundoff) {
    this.dtype = dtype;
    this.precision = precision;
    this.roundoff = roundoff;
  }

  /** Those that devices of a kind are fast in, the last of which some of them do not have. */
  static List<Arithmetic> of(Device device) {
    return device.kind() == Device.Kind.CUDA ? List.of(BF16, TF32, FP32, SPLIT) : List.of(FP32);
  }

  DType dtype() {
    return dtype;
  }

  Precision precision() {
    return precision;
  }

  /**
   * How far a result may be off, as a share of the largest: each of {@code stages} rounds its operands or its result to the type, and
   * {@code sums} additions one after another round to F32.
   */
  public double bound(int stages, double sums) {
    return 2 * stages * roundoff + sums * DType.F32.roundoff();
  }
}
