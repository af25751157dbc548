package dev.tenon.kernels.cpu;

import dev.tenon.engine.op.AdamW;
import dev.tenon.engine.op.Sgd;

/** The optimizer steps on arrays: everything a parameter's update reads and writes in one pass. */
final class UpdateMaps {
  private UpdateMaps() {}

  static Rows.Body of(AdamW op, float lr, float stepLr, float correction, float share) {
    float beta1 = (float) op.beta1();
    float rest1 = (float) (1 - op.beta1());
    float beta2 = (float) op.beta2();
    float rest2 = (float) (1 - op.beta2());
    float shrink = (float) (op.decoupled() ? op.scale() * lr * op.weightDecay() : 0);
    float decay = (float) (op.decoupled() ? 0 : op.weightDecay());
    float stepSize = (float) (op.scale() * stepLr);
    float inverse = 1 / correction;
    return (in, out, n) -> {
      average(in[2], in[1], in[0], out[1], n, beta1, rest1, share, decay);
      averageSquare(in[3], in[1], in[0], out[2], n, beta2, rest2, share, decay);
      float[] bound = out[2];
      if (op.amsgrad()) {
        BinaryMaps.max(in[4], out[2], out[3], n);
        bound = out[3];
      }
      step(in[0], out[1], bound, out[0], n, shrink, stepSize, inverse, (float) op.eps());
    };
  }

  private static void average(
      float[] mean, float[] grad, float[] p, float[] out, int n, float keep, float take, float share, float decay) {
    for (int i = 0; i < n; i++) {
      out[i] = keep * mean[i] + take * (share * grad[i] + decay * p[i]);
    }
  }

  private static void averageSquare(
      float[] square, float[] grad, float[] p, float[] out, int n, float keep, float take, float share, float decay) {
    for (int i = 0; i < n; i++) {
      float g = share * grad[i] + decay * p[i];
      out[i] = keep * square[i] + take * g * g;
    }
  }

  private static void step(
      float[] p, float[] mean, float[] square, float[] out, int n, float shrink, float stepSize, float correction, float eps) {
    for (int i = 0; i < n; i++) {
      out[i] = p[i] - shrink * p[i] - stepSize * mean[i] / ((float) Math.sqrt(square[i]) * correction + eps);
    }
  }

  static Rows.Body of(Sgd op, float rate, float take, float share) {
    float lr = (float) (op.scale() * rate);
    float decay = (float) op.weightDecay();
    if (op.momentum() == 0) {
      return (in, out, n) -> descend(in[0], in[1], out[0], n, lr, share, decay);
    }
    float keep = (float) op.momentum();
    float ahead = op.nesterov() ? keep : 1;
    float direct = op.nesterov() ? 1 : 0;
    return (in, out, n) -> {
      for (int i = 0; i < n; i++) {
        float g = share * in[1][i] + decay * in[0][i];
        float buffer = keep * in[2][i] + take * g;
        out[1][i] = buffer;
        out[0][i] = in[0][i] - lr * (direct * g + ahead * buffer);
      }
    };
  }

  private static void descend(float[] p, float[] grad, float[] out, int n, float lr, float share, float decay) {
    for (int i = 0; i < n; i++) {
      out[i] = p[i] - lr * (share * grad[i] + decay * p[i]);
    }
  }

  /** A step of running averages. */
  static Rows.Body average(float rate) {
    return (in, out, n) -> {
      for (int i = 0; i < n; i++) {
        out[0][i] = in[0][i] - rate * (in[0][i] - in[1][i]);
      }
    };
  }
}
