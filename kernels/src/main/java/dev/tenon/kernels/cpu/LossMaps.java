package dev.tenon.kernels.cpu;

import dev.tenon.engine.op.CrossEntropy;
import dev.tenon.engine.op.Gather;
import java.util.Arrays;

/** The cross-entropy of one sample, and its gradient. Operands: logits, label, perhaps a weight each class, perhaps gradOutput. */
final class LossMaps {
  private LossMaps() {}

  static float loss(CrossEntropy loss, float[][] in, int classes) {
    float[] x = in[0];
    if (in[1][0] == (float) loss.ignoreIndex()) {
      return 0;
    }
    int label = Gather.bounded(loss, in[1][0], classes);
    double lse = logSumExp(x, classes, new float[x.length]);
    double sum = 0;
    for (int c = 0; c < classes; c++) {
      double share = share(loss, in, c, label, classes);
      sum += share == 0 ? 0 : share * (lse - x[c]);
    }
    return (float) sum;
  }

  static void gradient(CrossEntropy loss, float[][] in, float[] gradX, int classes) {
    float[] x = in[0];
    if (in[1][0] == (float) loss.ignoreIndex()) {
      Arrays.fill(gradX, 0, classes, 0);
      return;
    }
    int label = Gather.bounded(loss, in[1][0], classes);
    double lse = logSumExp(x, classes, gradX);
    double total = 0;
    for (int c = 0; c < classes; c++) {
      total += share(loss, in, c, label, classes);
    }
    VectorMath.exp(x, 1, (float) -lse, gradX, 0, classes);
    float g = in[in.length - 1][0];
    for (int c = 0; c < classes; c++) {
      gradX[c] = (float) (g * (total * gradX[c] - share(loss, in, c, label, classes)));
    }
  }

  /** What the loss takes the class's −log softmax by. */
  private static double share(CrossEntropy loss, float[][] in, int c, int label, int classes) {
    double share = loss.labelSmoothing() / classes + (c == label ? 1 - loss.labelSmoothing() : 0);
    return loss.weighted() ? share * in[2][c] : share;
  }

  private static double logSumExp(float[] x, int n, float[] room) {
    float max = VectorMath.max(x, 0, n);
    VectorMath.exp(x, 1, -max, room, 0, n);
    return max + Math.log(VectorMath.sum(room, 0, n));
  }
}
