package dev.tenon.training.optim;

import dev.tenon.engine.op.OptimizerStep;
import java.util.List;

/** How one step changes a parameter: the algorithm and its constants. */
public sealed interface Rule {
  /** What is kept of each parameter from step to step, by the names checkpoints use. */
  List<String> slots();

  /**
   * What a step multiplies by, the same for all parameters.
   *
   * @param step 1 for the first
   */
  double[] rates(double lr, long step);

  /**
   * A step as an op over {@link #rates}, parameters, their gradients and {@link #slots}.
   *
   * @param scale factor on the learning rate
   * @param decays whether weight decay applies to the parameters
   */
  OptimizerStep update(double scale, boolean decays);

  /** Adam with decoupled weight decay (Loshchilov and Hutter, algorithm 2). */
  record AdamW(double beta1, double beta2, double eps, double weightDecay, boolean amsgrad) implements Rule {
    /** The usual constants: 0.9, 0.999 and 1e-8. */
    public AdamW(double weightDecay) {
      this(0.9, 0.999, 1e-8, weightDecay, false);
    }

    @Override
    public List<String> slots() {
      return adamSlots(amsgrad);
    }

    @Override
    public double[] rates(double lr, long step) {
      return dev.tenon.engine.op.AdamW.rates(lr, beta1, beta2, step);
    }

    @Override
    public OptimizerStep update(double scale, boolean decays) {
      return new dev.tenon.engine.op.AdamW(scale, beta1, beta2, eps, decays ? weightDecay : 0, true, amsgrad);
    }
  }

  /** Adam (Kingma and Ba, algorithm 1); weight decay adds to the gradient. */
  record Adam(double beta1, double beta2, double eps, double weightDecay, boolean amsgrad) implements Rule {
    /** The usual constants: 0.9, 0.999 and 1e-8. */
    public Adam(double weightDecay) {
      this(0.9, 0.999, 1e-8, weightDecay, false);
    }

    @Override
    public List<String> slots() {
      return adamSlots(amsgrad);
    }

    @Override
    public double[] rates(double lr, long step) {
      return dev.tenon.engine.op.AdamW.rates(lr, beta1, beta2, step);
    }

    @Override
    public OptimizerStep update(double scale, boolean decays) {
      return new dev.tenon.engine.op.AdamW(scale, beta1, beta2, eps, decays ? weightDecay : 0, false, amsgrad);
    }
  }

  /** Gradient descent with momentum; weight decay adds to the gradient. */
  record Sgd(double momentum, double dampening, boolean nesterov, double weightDecay) implements Rule {
    @Override
    public List<String> slots() {
      return momentum == 0 ? List.of() : List.of("momentum_buffer");
    }

    @Override
    public double[] rates(double lr, long step) {
      return dev.tenon.engine.op.Sgd.rates(lr, dampening, step);
    }

    @Override
    public OptimizerStep update(double scale, boolean decays) {
      return new dev.tenon.engine.op.Sgd(scale, momentum, nesterov, decays ? weightDecay : 0);
    }
  }

  private static List<String> adamSlots(boolean amsgrad) {
    return amsgrad ? List.of("exp_avg", "exp_avg_sq", "max_exp_avg_sq") : List.of("exp_avg", "exp_avg_sq");
  }
}
