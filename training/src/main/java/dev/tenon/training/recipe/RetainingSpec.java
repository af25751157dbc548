package dev.tenon.training.recipe;

/**
 * Quality Retaining (EMTAL §2.4): self-distillation against a bank of past logits of each class.
 *
 * @param mode what the bank holds
 * @param temperature T of both distributions; the divergence is scaled by T²
 * @param bankMomentum share of the old row that stays, in {@link Mode#ONE_SAMPLE}
 * @param lossMomentum share of the old value in each task's running cross-entropy
 * @param initialLoss running cross-entropy of a task before its first sample
 * @param floor least running cross-entropy a divergence is divided by
 */
public record RetainingSpec(
    Mode mode,
    double temperature,
    double bankMomentum,
    double lossMomentum,
    double initialLoss,
    double floor) {

  /** Forms of the bank. */
  public enum Mode {
    /** The two most recent logits of a class. */
    TWO_SAMPLE("2sample"),
    /** One exponentially averaged row a class, its divergence counted twice. */
    ONE_SAMPLE("1sample");

    private final String spelling;

    Mode(String spelling) {
      this.spelling = spelling;
    }

    @Override
    public String toString() {
      return spelling;
    }
  }

  static final RetainingSpec DEFAULT = new RetainingSpec(Mode.TWO_SAMPLE, 2, 0.5, 0.95, 10, 1e-3);

  static RetainingSpec visit(Section s, RetainingSpec d) {
    var mode = s.choice("mode", d.mode);
    return new RetainingSpec(
        mode,
        s.number("temperature", d.temperature, 1e-3, 1000),
        mode == Mode.ONE_SAMPLE ? s.number("bank-momentum", d.bankMomentum, 0, 1) : d.bankMomentum,
        s.number("loss-momentum", d.lossMomentum, 0, 1),
        s.number("initial-loss", d.initialLoss, 1e-6, 1e6),
        s.number("floor", d.floor, 0, 1e6));
  }
}
