package dev.tenon.training.image;

import dev.tenon.engine.op.Interpolation.Method;
import dev.tenon.engine.op.Taps;

/** Resampling filters. */
public enum Interpolation {
  BILINEAR(Method.LINEAR_ANTIALIAS, Method.LINEAR),
  BICUBIC(Method.CUBIC_ANTIALIAS, Method.CUBIC);

  private final Method widened;
  private final Method sampled;

  Interpolation(Method widened, Method sampled) {
    this.widened = widened;
    this.sampled = sampled;
  }

  /** Which of a line's {@code in} pixels make up each of {@code out}, and with which weights, which sum to 1. */
  Taps taps(int in, int out, boolean antialias) {
    return dev.tenon.engine.op.Interpolation.to(antialias ? widened : sampled, out).taps(in);
  }
}
