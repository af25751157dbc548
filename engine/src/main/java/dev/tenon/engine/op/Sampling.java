package dev.tenon.engine.op;

/** How one axis of an image becomes a longer or shorter one, each new element being a weighted sum of neighbouring old ones. */
public sealed interface Sampling permits Interpolation, Pooling {
  /** The new extent of an axis of {@code in} elements. */
  int extent(int in);

  /** What the new elements are made of. */
  Taps taps(int in);

  /** Fails unless the attributes are in their range and x has enough elements along dimension {@code axis}. */
  void check(Op op, Spec x, int axis);
}
