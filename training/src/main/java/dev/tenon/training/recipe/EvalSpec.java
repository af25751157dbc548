package dev.tenon.training.recipe;

/**
 * When and how the test sets are measured; the last epoch always is.
 *
 * @param every epochs between two evaluations before {@code lateFrom}
 * @param lateFrom epoch from which {@code lateEvery} holds
 * @param lateEvery epochs between two evaluations towards the end
 * @param batchSize images at once
 */
public record EvalSpec(int every, int lateFrom, int lateEvery, int batchSize) {

  static final EvalSpec DEFAULT = new EvalSpec(10, 60, 3, 64);

  static EvalSpec visit(Section s, EvalSpec d) {
    return new EvalSpec(
        s.integer("every", d.every, 1, 1_000_000),
        s.integer("late-from", d.lateFrom, 0, 1_000_000),
        s.integer("late-every", d.lateEvery, 1, 1_000_000),
        s.integer("batch-size", d.batchSize, 1, 65_536));
  }

  /** Whether the test sets are measured after {@code epochs} of {@code total} epochs. */
  public boolean isDue(int epochs, int total) {
    return epochs == total || (epochs < lateFrom ? epochs % every == 0 : (epochs - lateFrom) % lateEvery == 0);
  }
}
