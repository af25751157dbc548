package dev.tenon.engine.op;

import java.util.List;

/**
 * One step of gradient descent with momentum (as PyTorch defines it: the buffer averages gradients, not steps), in place.
 *
 * <p>Operands: p, grad and, unless {@code momentum} is 0, the buffer; all of one shape. Results: p and the buffer, over their old
 * values.
 *
 * @param dampening what the buffer leaves out of each gradient but the first
 * @param first whether this is the first step, after which the buffer is the gradient itself
 */
public record Sgd(double lr, double momentum, double dampening, boolean nesterov, double weightDecay, boolean first)
    implements Updating {
  @Override
  public int updates(int output) {
    return output == 0 ? 0 : 2;
  }

  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, momentum == 0 ? 2 : 3);
    AdamW.sameShapes(this, inputs);
    return momentum == 0 ? List.of(inputs.get(0)) : List.of(inputs.get(0), inputs.get(2));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] p = inputs.get(0).v();
    double[] grad = inputs.get(1).v();
    for (int i = 0; i < p.length; i++) {
      double g = grad[i] + weightDecay * p[i];
      double direction = g;
      if (momentum != 0) {
        double buffer = first ? g : momentum * inputs.get(2).v()[i] + (1 - dampening) * g;
        outputs.get(1).v()[i] = buffer;
        direction = nesterov ? g + momentum * buffer : buffer;
      }
      outputs.get(0).v()[i] = p[i] - lr * direction;
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(7.0 * inputs.getFirst().shape().size(), inputs, outputs);
  }
}
