package dev.tenon.engine.op;

import java.util.ArrayList;
import java.util.List;

/**
 * One step of Adam (Kingma and Ba, algorithm 1) or, {@code decoupled}, of AdamW (Loshchilov and Hutter, algorithm 2), in place.
 *
 * <p>Operands: p, grad, the running means m and v of the gradient and its square and, for AMSGrad (Reddi et al., algorithm 2),
 * vMax; all of one shape. Results: p, m, v and vMax, over their old values.
 *
 * @param step 1 for the first step
 * @param decoupled whether weight decay shrinks p directly instead of adding to the gradient
 */
public record AdamW(double lr, double beta1, double beta2, double eps, double weightDecay, long step, boolean decoupled)
    implements Updating {
  @Override
  public int updates(int output) {
    return output == 0 ? 0 : output + 1;
  }

  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.that(inputs.size() == 4 || inputs.size() == 5, this, "the number of operands", "4 or 5", inputs.size());
    Check.that(step >= 1, this, "step", "1 or more", step);
    sameShapes(this, inputs);
    List<Spec> results = new ArrayList<>(inputs);
    results.remove(1);
    return results;
  }

  /** Checks that all operands are floating and have the first one's shape. */
  static void sameShapes(Op op, List<Spec> inputs) {
    for (int i = 0; i < inputs.size(); i++) {
      Check.floating(op, "operand " + i, inputs.get(i));
      Check.that(inputs.get(i).shape().equals(inputs.getFirst().shape()), op, "operand " + i,
          "of the shape " + inputs.getFirst().shape() + " of p", inputs.get(i));
    }
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] p = inputs.get(0).v();
    double[] grad = inputs.get(1).v();
    double[] m = inputs.get(2).v();
    double[] v = inputs.get(3).v();
    boolean maximum = inputs.size() == 5;
    double stepSize = lr / (1 - Math.pow(beta1, step));
    double correction = Math.sqrt(1 - Math.pow(beta2, step));
    for (int i = 0; i < p.length; i++) {
      double g = decoupled ? grad[i] : grad[i] + weightDecay * p[i];
      double shrunk = decoupled ? p[i] * (1 - lr * weightDecay) : p[i];
      double mean = beta1 * m[i] + (1 - beta1) * g;
      double square = beta2 * v[i] + (1 - beta2) * g * g;
      double bound = maximum ? Math.max(inputs.get(4).v()[i], square) : square;
      outputs.get(0).v()[i] = shrunk - stepSize * mean / (Math.sqrt(bound) / correction + eps);
      outputs.get(1).v()[i] = mean;
      outputs.get(2).v()[i] = square;
      if (maximum) {
        outputs.get(3).v()[i] = bound;
      }
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(14.0 * inputs.getFirst().shape().size(), inputs, outputs);
  }
}
