package dev.tenon.engine.op;

import java.util.Arrays;

/** Cuts an axis into {@code out} runs of about equal length, from {@code ⌊i·in/out⌋} up to {@code ⌈(i + 1)·in/out⌉}. */
public record AdaptiveBins(int out) implements Pooling {
  @Override
  public int extent(int in) {
    return out;
  }

  @Override
  public Taps taps(int in) {
    int[] first = new int[out];
    double[][] weights = new double[out][];
    for (int i = 0; i < out; i++) {
      first[i] = (int) ((long) i * in / out);
      int end = (int) Math.ceilDiv((i + 1L) * in, out);
      weights[i] = new double[end - first[i]];
      Arrays.fill(weights[i], 1.0 / weights[i].length);
    }
    return new Taps(in, first, weights);
  }

  @Override
  public void check(Op op, Spec x, int axis) {
    Check.that(out > 0, op, "the new extent of dimension " + axis, "positive", out);
    Check.that(x.dim(axis) > 0, op, "x", "of at least one element along dimension " + axis, x);
  }
}
