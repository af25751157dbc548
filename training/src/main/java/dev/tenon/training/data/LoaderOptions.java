package dev.tenon.training.data;

/**
 * How a loader goes through its samples.
 *
 * @param batchSize samples a batch
 * @param shuffle whether every epoch has an order of its own
 * @param dropLast whether a last batch that is not full is left out
 * @param workers threads that decode and augment; 0 takes as many as there are cores, at most 8. Never
 *     changes the result
 * @param ahead batches that are prepared before they are asked for
 * @param seed of order and augmentation
 */
public record LoaderOptions(
    int batchSize, boolean shuffle, boolean dropLast, int workers, int ahead, long seed) {
  private static final int MOST_BY_DEFAULT = 8;
  private static final int AHEAD = 3;

  /**
   * @throws IllegalArgumentException when a number is out of range
   */
  public LoaderOptions {
    if (batchSize < 1 || workers < 0 || ahead < 1) {
      throw new IllegalArgumentException("batchSize " + batchSize + " and ahead " + ahead
          + " must be at least 1, workers " + workers + " at least 0");
    }
    workers = workers > 0 ? workers : Math.min(MOST_BY_DEFAULT, Runtime.getRuntime().availableProcessors());
  }

  /** Shuffled, with full batches only. */
  public static LoaderOptions train(int batchSize, int workers, long seed) {
    return new LoaderOptions(batchSize, true, true, workers, AHEAD, seed);
  }

  /** In the order of the samples, all of them. */
  public static LoaderOptions test(int batchSize, int workers) {
    return new LoaderOptions(batchSize, false, false, workers, AHEAD, 0);
  }
}
