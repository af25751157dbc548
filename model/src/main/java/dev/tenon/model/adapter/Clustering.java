package dev.tenon.model.adapter;

/**
 * Equal-sized clusters of the rows of a matrix, and the row order that makes each cluster contiguous.
 *
 * @param labels {@code [n]}, the cluster of each row
 * @param permutation {@code [n]}, the rows sorted by cluster, in their original order within one (a stable
 *     sort): row {@code permutation[j]} of the matrix becomes row j
 * @param centers {@code [K][d]}, the plain means of the normalized rows that the labels were assigned to
 * @param inertia the sum of squared distances of the normalized rows to their centers
 * @param iterations how often the centers were moved
 * @param converged whether the centers came to rest before the iteration limit
 */
public record Clustering(
    int[] labels, int[] permutation, double[][] centers, double inertia, int iterations, boolean converged) {

  /** The order in which a stable sort by label puts the points, for labels 0 … {@code clusters}-1. */
  static int[] stableOrder(int[] labels, int clusters) {
    int[] next = new int[clusters + 1];
    for (int label : labels) {
      next[label + 1]++;
    }
    for (int k = 0; k < clusters; k++) {
      next[k + 1] += next[k];
    }
    int[] order = new int[labels.length];
    for (int i = 0; i < labels.length; i++) {
      order[next[labels[i]]++] = i;
    }
    return order;
  }
}
