package dev.tenon.training.data;

/**
 * Network inputs with their labels, ready for one step.
 *
 * @param epoch the pass over the data
 * @param index position of the batch within the epoch, from 0
 * @param pixels {@code [count, 3, size, size]}, normalized
 * @param labels {@code [count]}, in the union of all tasks' classes
 * @param tasks {@code [count]}, index of the task
 * @param sampleIndices {@code [count]}, positions in the loader's list of samples
 */
public record Batch(
    long epoch, int index, float[] pixels, int[] labels, int[] tasks, long[] sampleIndices) {
  /** Number of samples. */
  public int count() {
    return labels.length;
  }
}
