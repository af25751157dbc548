package dev.tenon.training.optim;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Updating;
import java.util.ArrayList;
import java.util.List;

/** How one step changes a parameter: the algorithm and its constants. */
public sealed interface Rule {
  /** What is kept of each parameter from step to step, by the names checkpoints use. */
  List<String> slots();

  /**
   * The step as an op over the parameter, its gradient and {@link #slots}.
   *
   * @param step 1 for the first
   * @param decays whether weight decay applies to this parameter
   */
  Updating update(double lr, long step, boolean decays);

  /** Applies one step in place. */
  default void apply(Tensor parameter, Tensor gradient, List<Tensor> state, double lr, long step, boolean decays) {
    List<Tensor> operands = new ArrayList<>(List.of(parameter, gradient));
    operands.addAll(state);
    Op op = update(lr, step, decays);
    op.applyAll(operands);
  }

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
    public Updating update(double lr, long step, boolean decays) {
      return new dev.tenon.engine.op.AdamW(lr, beta1, beta2, eps, decays ? weightDecay : 0, step, true);
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
    public Updating update(double lr, long step, boolean decays) {
      return new dev.tenon.engine.op.AdamW(lr, beta1, beta2, eps, decays ? weightDecay : 0, step, false);
    }
  }

  /** Gradient descent with momentum; weight decay adds to the gradient. */
  record Sgd(double momentum, double dampening, boolean nesterov, double weightDecay) implements Rule {
    @Override
    public List<String> slots() {
      return momentum == 0 ? List.of() : List.of("momentum_buffer");
    }

    @Override
    public Updating update(double lr, long step, boolean decays) {
      return new dev.tenon.engine.op.Sgd(lr, momentum, dampening, nesterov, decays ? weightDecay : 0, step == 1);
    }
  }

  private static List<String> adamSlots(boolean amsgrad) {
    return amsgrad ? List.of("exp_avg", "exp_avg_sq", "max_exp_avg_sq") : List.of("exp_avg", "exp_avg_sq");
  }
}
