package dev.tenon.model.vit;

import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Concat;

/** How a source resizes position embeddings; each is a pair of small matrices, one an axis, and so has a gradient. */
public enum PositionResize {
  /** timm: bicubic with a = −0.5, support widened when shrinking. */
  ANTIALIAS_BICUBIC,
  /** timm 0.6 (EMTAL) and Hugging Face: bicubic with a = −0.75. */
  BICUBIC,
  /** The authors of the AugReg files: linear between the centers of the corners. */
  ALIGNED_BILINEAR,
  /** torchvision: bicubic with a = −0.75 between the centers of the corners. */
  ALIGNED_BICUBIC;

  /**
   * Resizes the patch part of {@code embedding} [1, prefix + oldHeight·oldWidth, C]; the first {@code prefix} tokens stay.
   *
   * @throws TenonException when the tokens do not make up the old grid
   */
  public Tensor apply(Tensor embedding, int prefix, int oldHeight, int oldWidth, int newHeight, int newWidth) {
    long width = embedding.dim(2);
    if (embedding.dim(1) != prefix + (long) oldHeight * oldWidth) {
      throw new TenonException("a position embedding of shape " + embedding.shape() + " does not fit " + prefix
          + " leading tokens and a grid of " + oldHeight + "×" + oldWidth + "; give the image size it was made for");
    }
    if (oldHeight == newHeight && oldWidth == newWidth) {
      return embedding;
    }
    Tensor grid = embedding.slice(1, prefix, embedding.dim(1)).reshape(oldHeight, oldWidth * width);
    Tensor tall = matrix(embedding, oldHeight, newHeight).matmul(grid).reshape(newHeight, oldWidth, width);
    Tensor patches = matrix(embedding, oldWidth, newWidth).matmul(tall).reshape(1, (long) newHeight * newWidth, width);
    return prefix == 0 ? patches : new Concat(1).apply(embedding.slice(1, 0, prefix), patches);
  }

  private Tensor matrix(Tensor like, int from, int to) {
    return Tensor.of(like.dtype(), Shape.of(to, from), weights(from, to));
  }

  /** Row-major [to, from]: how much of each old sample is in each new one. */
  private double[] weights(int from, int to) {
    double[] w = new double[to * from];
    for (int i = 0; i < to; i++) {
      if (this == ANTIALIAS_BICUBIC) {
        widened(w, i, from, (double) from / to);
      } else {
        sampled(w, i, from, this == BICUBIC ? (i + 0.5) * from / to - 0.5 : i * (from - 1.0) / Math.max(1, to - 1));
      }
    }
    return w;
  }

  /** Four (or two) taps around {@code at}; those beyond the edge fall on the edge. */
  private void sampled(double[] w, int row, int from, double at) {
    int base = (int) Math.floor(at);
    for (int j = base - 1; j <= base + 2; j++) {
      double distance = Math.abs(at - j);
      double weight = this == ALIGNED_BILINEAR ? Math.max(0, 1 - distance) : cubic(distance, -0.75);
      w[row * from + Math.clamp(j, 0, from - 1)] += weight;
    }
  }

  /** Taps beyond the edge are left out and the rest made to sum to 1. */
  private static void widened(double[] w, int row, int from, double scale) {
    double stretch = Math.max(scale, 1);
    double center = scale * (row + 0.5);
    int first = Math.max(0, (int) (center - 2 * stretch + 0.5));
    int last = Math.min(from, (int) (center + 2 * stretch + 0.5));
    double sum = 0;
    for (int j = first; j < last; j++) {
      w[row * from + j] = cubic(Math.abs(j - center + 0.5) / stretch, -0.5);
      sum += w[row * from + j];
    }
    for (int j = first; j < last; j++) {
      w[row * from + j] /= sum;
    }
  }

  /** The cubic convolution kernel (Keys, 1981) at distance {@code x} ≥ 0. */
  private static double cubic(double x, double a) {
    if (x < 1) {
      return ((a + 2) * x - (a + 3)) * x * x + 1;
    }
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
  }
}
