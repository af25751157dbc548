package dev.tenon.engine.op;

import java.util.List;

/**
 * A step of gradient descent with momentum (as PyTorch defines it: the buffer averages gradients, not steps).
 *
 * <p>The {@link #rates} are three; remembered is, unless {@code momentum} is 0, the buffer, which begins at 0.
 *
 * @param scale factor on the learning rate
 */
public record Sgd(double scale, double momentum, boolean nesterov, double weightDecay) implements OptimizerStep {
  /**
   * What a step multiplies by: the learning rate, what the buffer takes of the gradient, and what of each gradient is taken before that,
   * at first all.
   *
   * @param dampening what the buffer leaves out of each gradient but the first
   * @param step 1 for the first
   */
  public static double[] rates(double lr, double dampening, long step) {
    return new double[] {lr, step == 1 ? 1 : 1 - dampening, 1};
  }

  @Override
  public int rates() {
    return 3;
  }

  @Override
  public int slots() {
    return momentum == 0 ? 0 : 1;
  }

  @Override
  public int flops() {
    return 8;
  }

  @Override
  public void reference(double[] rates, List<Ref> in, List<Ref> out) {
    double[] p = in.get(0).v();
    double[] grad = in.get(1).v();
    for (int i = 0; i < p.length; i++) {
      double g = rates[2] * grad[i] + weightDecay * p[i];
      double direction = g;
      if (momentum != 0) {
        double buffer = momentum * in.get(2).v()[i] + rates[1] * g;
        out.get(1).v()[i] = buffer;
        direction = nesterov ? g + momentum * buffer : buffer;
      }
      out.get(0).v()[i] = p[i] - scale * rates[0] * direction;
    }
  }
}
