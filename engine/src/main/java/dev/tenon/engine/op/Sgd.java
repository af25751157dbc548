package dev.tenon.engine.op;

import java.util.List;

/**
 * One step of gradient descent with momentum (as PyTorch defines it: the buffer averages gradients, not steps), in place.
 *
 * <p>Operands: p, grad, the {@link #rates} of the step and, unless {@code momentum} is 0, the buffer, which begins at 0; all of p's type
 * and, but for the rates, its shape. Results: p and the buffer, over their old values.
 *
 * @param scale factor on the learning rate
 */
public record Sgd(double scale, double momentum, boolean nesterov, double weightDecay) implements Updating {
  /**
   * What a step multiplies by: the learning rate, and what the buffer takes of the gradient.
   *
   * @param dampening what the buffer leaves out of each gradient but the first
   * @param step 1 for the first
   */
  public static double[] rates(double lr, double dampening, long step) {
    return new double[] {lr, step == 1 ? 1 : 1 - dampening};
  }

  @Override
  public int updates(int output) {
    return output == 0 ? 0 : AdamW.RATES + 1;
  }

  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, momentum == 0 ? 3 : 4);
    return AdamW.updated(this, inputs, 2);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] p = inputs.get(0).v();
    double[] grad = inputs.get(1).v();
    double[] rates = inputs.get(AdamW.RATES).v();
    for (int i = 0; i < p.length; i++) {
      double g = grad[i] + weightDecay * p[i];
      double direction = g;
      if (momentum != 0) {
        double buffer = momentum * inputs.get(3).v()[i] + rates[1] * g;
        outputs.get(1).v()[i] = buffer;
        direction = nesterov ? g + momentum * buffer : buffer;
      }
      outputs.get(0).v()[i] = p[i] - scale * rates[0] * direction;
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(7.0 * inputs.getFirst().shape().size(), inputs, outputs);
  }
}
