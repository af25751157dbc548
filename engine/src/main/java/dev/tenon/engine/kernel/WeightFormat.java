package dev.tenon.engine.kernel;

/** How frozen weights may be stored; sums are F32 always. */
public enum WeightFormat {
  /** As they are. */
  F32,
  /** Rounded to BF16: half the memory, each weight off by at most 2⁻⁸ of itself. */
  BF16,
  /** Rounded to a byte: a quarter of the memory, each weight off by at most 1/254 of the largest one of its output channel. */
  INT8
}
