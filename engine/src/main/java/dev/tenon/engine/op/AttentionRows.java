package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import java.util.List;

/**
 * The rows of an attention's score matrix, one for each batch, head and query in that order, for the reference computations.
 *
 * @param biasAt for each score of the batches that have a bias of their own its index, or null
 */
record AttentionRows(Ref q, Ref k, double scale, boolean causal, double[] bias, int[] biasAt) {
  /** Operands start with q [B, Nq, H, d] and k [B, Nk, H, d]; {@code bias} may be null. */
  static AttentionRows of(List<Ref> operands, double scale, boolean causal, Ref bias) {
    Ref q = operands.get(0);
    Ref k = operands.get(1);
    Shape scores = Shape.of(q.dim(0), q.dim(2), q.dim(1), k.dim(1));
    if (bias == null) {
      return new AttentionRows(q, k, scale, causal, null, null);
    }
    return new AttentionRows(
        q, k, scale, causal, bias.v(), Strides.broadcast(bias.shape(), scores.with(0, Attention.biases(bias.shape()))));
  }

  /** Index of the bias of score (row, j). */
  int biasOf(int row, int j) {
    return biasAt[(int) (((long) row * keys() + j) % biasAt.length)];
  }

  int count() {
    return q.dim(0) * q.dim(2) * q.dim(1);
  }

  int keys() {
    return k.dim(1);
  }

  int headDim() {
    return q.dim(3);
  }

  /** Index of the first element of the row's query. */
  int query(int row) {
    int i = row % q.dim(1);
    return ((batch(row) * q.dim(1) + i) * q.dim(2) + head(row)) * headDim();
  }

  /** Index of the first element of key (or value) {@code j} for this row. */
  int key(int row, int j) {
    return ((batch(row) * keys() + j) * q.dim(2) + head(row)) * headDim();
  }

  private int head(int row) {
    return row / q.dim(1) % q.dim(2);
  }

  private int batch(int row) {
    return row / q.dim(1) / q.dim(2);
  }

  /** Fills in the row's scores and answers their log-sum-exp. */
  double scores(int row, double[] score) {
    double max = Double.NEGATIVE_INFINITY;
    for (int j = 0; j < score.length; j++) {
      double dot = 0;
      for (int c = 0; c < headDim(); c++) {
        dot += q.v()[query(row) + c] * k.v()[key(row, j) + c];
      }
      score[j] = dot * scale + (bias == null ? 0 : bias[biasOf(row, j)]);
      if (causal && j > row % q.dim(1)) {
        score[j] = Double.NEGATIVE_INFINITY;
      }
      max = Math.max(max, score[j]);
    }
    if (max == Double.NEGATIVE_INFINITY) {
      return max;
    }
    double sum = 0;
    for (double s : score) {
      sum += Math.exp(s - max);
    }
    return max + Math.log(sum);
  }
}
