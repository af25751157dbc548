package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import java.util.ArrayList;
import java.util.List;

/**
 * One step of Adam (Kingma and Ba, algorithm 1) or, {@code decoupled}, of AdamW (Loshchilov and Hutter, algorithm 2), in place.
 *
 * <p>Operands: p, grad, the {@link #rates} of the step, the running means m and v of the gradient and its square and, for AMSGrad
 * (Reddi et al., algorithm 2), vMax; all of p's type and, but for the rates, its shape. Results: p, m, v and vMax, over their old
 * values. What differs from step to step is an operand, so that a recorded step can be repeated.
 *
 * @param scale factor on the learning rate
 * @param decoupled whether weight decay shrinks p directly instead of adding to the gradient
 */
public record AdamW(double scale, double beta1, double beta2, double eps, double weightDecay, boolean decoupled) implements Updating {
  /** Where the rates are among the operands. */
  public static final int RATES = 2;

  /**
   * What a step multiplies by: the learning rate, the same for means that began at 0, and the correction of the square's root.
   *
   * @param step 1 for the first
   */
  public static double[] rates(double lr, double beta1, double beta2, long step) {
    return new double[] {lr, lr / (1 - Math.pow(beta1, step)), Math.sqrt(1 - Math.pow(beta2, step))};
  }

  @Override
  public int updates(int output) {
    return output == 0 ? 0 : output + RATES;
  }

  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.that(inputs.size() == 5 || inputs.size() == 6, this, "the number of operands", "5 or 6", inputs.size());
    return updated(this, inputs, 3);
  }

  /** The results of an update: its operands without gradient and rates, of which there are {@code rates}. */
  static List<Spec> updated(Op op, List<Spec> inputs, long rates) {
    Spec p = inputs.getFirst();
    for (int i = 0; i < inputs.size(); i++) {
      Check.floating(op, "operand " + i, inputs.get(i));
      Shape wanted = i == RATES ? Shape.of(rates) : p.shape();
      Check.that(inputs.get(i).shape().equals(wanted), op, "operand " + i, "of the shape " + wanted, inputs.get(i));
    }
    List<Spec> results = new ArrayList<>(inputs);
    results.subList(1, RATES + 1).clear();
    return results;
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] p = inputs.get(0).v();
    double[] grad = inputs.get(1).v();
    double lr = scale * inputs.get(RATES).v()[0];
    double stepSize = scale * inputs.get(RATES).v()[1];
    double correction = inputs.get(RATES).v()[2];
    double[] m = inputs.get(3).v();
    double[] v = inputs.get(4).v();
    boolean maximum = inputs.size() == 6;
    for (int i = 0; i < p.length; i++) {
      double g = decoupled ? grad[i] : grad[i] + weightDecay * p[i];
      double shrunk = decoupled ? p[i] * (1 - lr * weightDecay) : p[i];
      double mean = beta1 * m[i] + (1 - beta1) * g;
      double square = beta2 * v[i] + (1 - beta2) * g * g;
      double bound = maximum ? Math.max(inputs.get(5).v()[i], square) : square;
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
