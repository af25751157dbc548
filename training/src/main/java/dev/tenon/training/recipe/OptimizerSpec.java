package dev.tenon.training.recipe;

/**
 * How weights follow their gradients.
 *
 * @param lr peak learning rate
 * @param beta1 decay of the first moment (Adam, AdamW)
 * @param beta2 decay of the second moment (Adam, AdamW)
 * @param eps added to the root of the second moment (Adam, AdamW)
 * @param momentum of SGD
 * @param nesterov whether SGD looks ahead
 * @param weightDecay on tensors of two or more dimensions; decoupled for AdamW
 * @param clip greatest norm of all gradients together; 0 is off
 * @param labelSmoothing share of the target spread over all classes
 * @param weightEma decay of the averaged copy of the weights; 0 keeps none
 */
public record OptimizerSpec(
    Kind kind,
    double lr,
    double beta1,
    double beta2,
    double eps,
    double momentum,
    boolean nesterov,
    double weightDecay,
    double clip,
    double labelSmoothing,
    double weightEma) {

  /** Update rules. */
  public enum Kind {
    ADAMW,
    ADAM,
    SGD
  }

  static final OptimizerSpec DEFAULT =
      new OptimizerSpec(Kind.ADAMW, 1e-3, 0.9, 0.999, 1e-8, 0.9, false, 0.05, 0, 0.1, 0.9998);

  private static final double BELOW_ONE = Math.nextDown(1.0);

  static OptimizerSpec visit(Section s, OptimizerSpec d) {
    var kind = s.choice("kind", d.kind);
    boolean sgd = kind == Kind.SGD;
    return new OptimizerSpec(
        kind,
        s.number("lr", d.lr, 0, 1000),
        sgd ? d.beta1 : s.number("beta1", d.beta1, 0, BELOW_ONE),
        sgd ? d.beta2 : s.number("beta2", d.beta2, 0, BELOW_ONE),
        sgd ? d.eps : s.number("eps", d.eps, 0, 1),
        sgd ? s.number("momentum", d.momentum, 0, BELOW_ONE) : d.momentum,
        sgd ? s.flag("nesterov", d.nesterov) : d.nesterov,
        s.number("weight-decay", d.weightDecay, 0, 100),
        s.number("clip", d.clip, 0, 1e9),
        s.number("label-smoothing", d.labelSmoothing, 0, BELOW_ONE),
        s.number("weight-ema", d.weightEma, 0, BELOW_ONE));
  }
}
