package dev.tenon.kernels.cpu;

import dev.tenon.engine.op.AdamW;
import dev.tenon.engine.op.Sgd;
import jdk.incubator.vector.FloatVector;

/** The optimizer steps on arrays: everything a parameter's update reads and writes in one pass. */
final class UpdateMaps {
  private UpdateMaps() {}

  static Rows.Body of(AdamW op) {
    float stepSize = (float) (op.lr() / (1 - Math.pow(op.beta1(), op.step())));
    float correction = (float) (1 / Math.sqrt(1 - Math.pow(op.beta2(), op.step())));
    float shrink = (float) (op.decoupled() ? op.lr() * op.weightDecay() : 0);
    float decay = (float) (op.decoupled() ? 0 : op.weightDecay());
    Adam adam = new Adam((float) op.beta1(), (float) (1 - op.beta1()), (float) op.beta2(), (float) (1 - op.beta2()),
        (float) op.eps(), stepSize, correction, shrink, decay);
    return (in, out, n) -> adam(adam, in, out, n);
  }

  private record Adam(
      float beta1, float rest1, float beta2, float rest2, float eps, float stepSize, float correction, float shrink, float decay) {}

  private static FloatVector load(float[] x, int i) {
    return FloatVector.fromArray(Simd.F32, x, i);
  }

  private static void adam(Adam c, float[][] in, float[][] out, int n) {
    boolean maximum = in.length == 5;
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector p = load(in[0], i);
      FloatVector g = p.mul(c.decay).add(load(in[1], i));
      FloatVector mean = load(in[2], i).mul(c.beta1).add(g.mul(c.rest1));
      FloatVector square = load(in[3], i).mul(c.beta2).add(g.mul(g).mul(c.rest2));
      FloatVector bound = square;
      if (maximum) {
        bound = square.max(load(in[4], i));
        bound.intoArray(out[3], i);
      }
      FloatVector root = bound.sqrt().mul(c.correction).add(c.eps);
      p.sub(p.mul(c.shrink)).sub(mean.mul(c.stepSize).div(root)).intoArray(out[0], i);
      mean.intoArray(out[1], i);
      square.intoArray(out[2], i);
    }
  }

  static Rows.Body of(Sgd op) {
    float lr = (float) op.lr();
    float decay = (float) op.weightDecay();
    if (op.momentum() == 0) {
      return (in, out, n) -> descend(in[0], in[1], out[0], n, lr, decay);
    }
    float keep = (float) op.momentum();
    float take = (float) (1 - op.dampening());
    float ahead = op.nesterov() ? keep : 1;
    float direct = op.nesterov() ? 1 : 0;
    return (in, out, n) -> {
      for (int i = 0; i < n; i++) {
        float g = in[1][i] + decay * in[0][i];
        float buffer = op.first() ? g : keep * in[2][i] + take * g;
        out[1][i] = buffer;
        out[0][i] = in[0][i] - lr * (direct * g + ahead * buffer);
      }
    };
  }

  private static void descend(float[] p, float[] grad, float[] out, int n, float lr, float decay) {
    for (int i = 0; i < n; i++) {
      out[i] = p[i] - lr * (grad[i] + decay * p[i]);
    }
  }
}
