package dev.tenon.engine.op;

import java.util.Arrays;

/**
 * A window that slides along an axis.
 *
 * @param pad empty places before and after the axis, which no maximum is found in
 * @param ceil whether a last window may hang over the end if it starts inside
 * @param countPad whether a mean divides by the places of the window that fall on padding, too
 */
public record PoolWindow(int kernel, int stride, int pad, boolean ceil, boolean countPad) implements Pooling {
  /** A window without padding that never hangs over the end. */
  public static PoolWindow of(int kernel, int stride) {
    return new PoolWindow(kernel, stride, 0, false, true);
  }

  @Override
  public int extent(int in) {
    return Window2d.extent(in, kernel, stride, pad, 1, ceil);
  }

  @Override
  public Taps taps(int in) {
    int[] first = new int[extent(in)];
    double[][] weights = new double[first.length][];
    for (int i = 0; i < first.length; i++) {
      int start = i * stride - pad;
      first[i] = Math.max(0, start);
      int places = Math.min(start + kernel, in + pad) - start;
      weights[i] = new double[Math.min(start + kernel, in) - first[i]];
      Arrays.fill(weights[i], 1.0 / (countPad ? places : weights[i].length));
    }
    return new Taps(in, first, weights);
  }

  @Override
  public void check(Op op, Spec x, int axis) {
    Check.that(kernel > 0 && stride > 0, op, "the window over dimension " + axis, "of a positive kernel and stride", this);
    Check.that(pad >= 0 && 2 * pad <= kernel, op, "the window over dimension " + axis, "of a padding up to half the kernel", this);
    Check.that(x.dim(axis) > 0 && extent((int) x.dim(axis)) > 0, op, "x",
        "of at least " + Math.max(1, kernel - 2 * pad) + " elements along dimension " + axis, x);
  }
}
