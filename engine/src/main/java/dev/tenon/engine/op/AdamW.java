package dev.tenon.engine.op;

import java.util.List;

/**
 * A step of Adam (Kingma and Ba, algorithm 1) or, {@code decoupled}, of AdamW (Loshchilov and Hutter, algorithm 2).
 *
 * <p>The {@link #rates} are four; remembered are the running means m and v of the gradient and its square and, for AMSGrad (Reddi et al.,
 * algorithm 2), vMax.
 *
 * @param scale factor on the learning rate
 * @param decoupled whether weight decay shrinks p directly instead of adding to the gradient
 * @param amsgrad whether a step divides by the largest v so far
 */
public record AdamW(double scale, double beta1, double beta2, double eps, double weightDecay, boolean decoupled, boolean amsgrad)
    implements OptimizerStep {
  /**
   * What a step multiplies by: the learning rate, the same for means that began at 0, the correction of the square's root, and what of
   * each gradient is taken, at first all.
   *
   * @param step 1 for the first
   */
  public static double[] rates(double lr, double beta1, double beta2, long step) {
    return new double[] {lr, lr / (1 - Math.pow(beta1, step)), Math.sqrt(1 - Math.pow(beta2, step)), 1};
  }

  @Override
  public int rates() {
    return 4;
  }

  @Override
  public int slots() {
    return amsgrad ? 3 : 2;
  }

  @Override
  public int flops() {
    return 15;
  }

  @Override
  public void reference(double[] rates, List<Ref> in, List<Ref> out) {
    double[] p = in.get(0).v();
    double[] grad = in.get(1).v();
    double[] m = in.get(2).v();
    double[] v = in.get(3).v();
    double lr = scale * rates[0];
    double stepSize = scale * rates[1];
    for (int i = 0; i < p.length; i++) {
      double g = rates[3] * grad[i] + (decoupled ? 0 : weightDecay * p[i]);
      double shrunk = decoupled ? p[i] * (1 - lr * weightDecay) : p[i];
      double mean = beta1 * m[i] + (1 - beta1) * g;
      double square = beta2 * v[i] + (1 - beta2) * g * g;
      double bound = amsgrad ? Math.max(in.get(4).v()[i], square) : square;
      out.get(0).v()[i] = shrunk - stepSize * mean / (Math.sqrt(bound) / rates[2] + eps);
      out.get(1).v()[i] = mean;
      out.get(2).v()[i] = square;
      if (amsgrad) {
        out.get(3).v()[i] = bound;
      }
    }
  }
}
