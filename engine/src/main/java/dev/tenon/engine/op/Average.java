package dev.tenon.engine.op;

import java.util.List;

/**
 * A step of running averages towards new values: down the gradient of ½·‖average − value‖². The one rate is the share of the way; the
 * value takes the gradient's place, and nothing is remembered.
 */
public record Average() implements OptimizerStep {
  @Override
  public int rates() {
    return 1;
  }

  @Override
  public int slots() {
    return 0;
  }

  @Override
  public int flops() {
    return 3;
  }

  @Override
  public void reference(double[] rates, List<Ref> in, List<Ref> out) {
    double[] average = in.get(0).v();
    for (int i = 0; i < average.length; i++) {
      out.get(0).v()[i] = average[i] - rates[0] * (average[i] - in.get(1).v()[i]);
    }
  }
}
