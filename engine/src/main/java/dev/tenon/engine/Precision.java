package dev.tenon.engine;

import java.util.Locale;

/** How a device computes with F32. BF16 and F64 are computed as they are stored, with sums in F32 and F64. */
public enum Precision {
  /** Strictly: every product and sum is rounded to F32. */
  FP32,
  /** Factors of matrix products are rounded to 10 bits after the point, sums are in F32. */
  TF32,
  /** Factors of matrix products are split into parts that together keep the bits of F32. */
  FP32_SPLIT,
  /** Networks learn on a rounded copy: activations are kept in BF16, weights and sums in F32. */
  BF16;

  /** As recipes write it. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
