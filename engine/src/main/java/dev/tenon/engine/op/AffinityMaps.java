package dev.tenon.engine.op;

import java.util.Arrays;

/** The maps of one reference pixel that {@link Affinity} and its gradient are made of. */
record AffinityMaps(Ref features, double[] weight, double[] bias) {
  /** Receives a pixel, an element of the kernel, and the pixel that this reads. */
  interface Tap {
    void at(int p, int k, int read);
  }

  int tasks() {
    return features.dim(1);
  }

  int channels() {
    return features.dim(2);
  }

  int pixels() {
    return features.dim(3) * features.dim(4);
  }

  /** Visits each pair of a pixel and one of its neighbors, itself included, within the image. */
  void visit(Tap tap) {
    int height = features.dim(3);
    int width = features.dim(4);
    new Window2d(3, 3, 1, 1, 1, 1, 1, 1).visit(height, width, height, width, tap::at);
  }

  /** Index of feature {@code c} of pixel 0. */
  int feature(int image, int task, int c) {
    return ((image * tasks() + task) * channels() + c) * pixels();
  }

  /** For each task, the scalar products of pixel q's features with every pixel's. */
  double[][] products(int image, int q) {
    double[][] products = new double[tasks()][pixels()];
    for (int t = 0; t < tasks(); t++) {
      for (int c = 0; c < channels(); c++) {
        int at = feature(image, t, c);
        for (int p = 0; p < pixels(); p++) {
          products[t][p] += features.v()[at + q] * features.v()[at + p];
        }
      }
    }
    return products;
  }

  /** Those maps mixed to one. */
  double[] mixed(int q, double[][] products) {
    double[] mixed = new double[pixels()];
    Arrays.fill(mixed, bias[q]);
    for (int t = 0; t < tasks(); t++) {
      double[] map = products[t];
      int kernel = (q * tasks() + t) * 9;
      visit((p, k, read) -> mixed[p] += weight[kernel + k] * map[read]);
    }
    return mixed;
  }
}
