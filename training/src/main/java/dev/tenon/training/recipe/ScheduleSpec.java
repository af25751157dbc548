package dev.tenon.training.recipe;

/**
 * How the learning rate moves; it is stepped once an epoch, as the paper's code does.
 *
 * @param epochs of warm-up and decay together
 * @param warmupEpochs in which the rate rises linearly; the decay counts epochs from 0, not from the warm-
 *     up's end
 * @param warmupLr rate of the first epoch
 * @param minLr rate at the end of the decay (cosine, polynomial)
 * @param cooldownEpochs at {@code minLr}, after {@code epochs}
 * @param stepEpochs between two drops (step)
 * @param stepFactor of each drop (step)
 * @param power of the decay (polynomial)
 */
public record ScheduleSpec(
    Kind kind,
    int epochs,
    int warmupEpochs,
    double warmupLr,
    double minLr,
    int cooldownEpochs,
    int stepEpochs,
    double stepFactor,
    double power) {

  /** Shapes of the decay. */
  public enum Kind {
    COSINE,
    STEP,
    POLYNOMIAL,
    CONSTANT
  }

  static final ScheduleSpec DEFAULT = new ScheduleSpec(Kind.COSINE, 100, 10, 5e-6, 1e-5, 10, 30, 0.1, 1);

  static ScheduleSpec visit(Section s, ScheduleSpec d) {
    var kind = s.choice("kind", d.kind);
    boolean decays = kind == Kind.COSINE || kind == Kind.POLYNOMIAL;
    var spec = new ScheduleSpec(
        kind,
        s.integer("epochs", d.epochs, 1, 1_000_000),
        s.integer("warmup-epochs", d.warmupEpochs, 0, 1_000_000),
        s.number("warmup-lr", d.warmupLr, 0, 1000),
        decays ? s.number("min-lr", d.minLr, 0, 1000) : d.minLr,
        s.integer("cooldown-epochs", d.cooldownEpochs, 0, 1_000_000),
        kind == Kind.STEP ? s.integer("step-epochs", d.stepEpochs, 1, 1_000_000) : d.stepEpochs,
        kind == Kind.STEP ? s.number("step-factor", d.stepFactor, 0, 1) : d.stepFactor,
        kind == Kind.POLYNOMIAL ? s.number("power", d.power, 0, 100) : d.power);
    s.check(spec.warmupEpochs < spec.epochs || spec.warmupEpochs == 0, "warmup-epochs",
        "is " + spec.warmupEpochs + " of only " + spec.epochs + " 'epochs'; leave some for the decay");
    return spec;
  }

  /** Epochs of the whole run. */
  public int totalEpochs() {
    return epochs + cooldownEpochs;
  }
}
