package dev.tenon.training.parity;

import java.util.Locale;

/**
 * What replaying one case showed.
 *
 * @param worst the largest error over all values, as a multiple of what is allowed; NaN when nothing was compared
 * @param detail where the worst error is, or why the case is not known
 */
record Outcome(String name, Verdict verdict, double worst, String detail) {
  /** The three answers. */
  enum Verdict {
    PASSED("passed"),
    FAILED("failed"),
    NOT_YET_KNOWN("not yet known");

    private final String text;

    Verdict(String text) {
      this.text = text;
    }

    @Override
    public String toString() {
      return text;
    }
  }

  static Outcome unknown(String name, String why) {
    return new Outcome(name, Verdict.NOT_YET_KNOWN, Double.NaN, why);
  }

  @Override
  public String toString() {
    return Double.isNaN(worst)
        ? String.format("%-40s %-13s %s", name, verdict, detail)
        : String.format(Locale.ROOT, "%-40s %-13s %.2e of the bound at %s", name, verdict, worst, detail);
  }
}
