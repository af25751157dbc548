package dev.tenon.kernels.cpu;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.LayerNormGrad;
import dev.tenon.engine.op.Op;

/** Runs {@link LayerNormGrad} in one pass over the rows, which also adds up the gradients of weight and bias. */
record LayerNormGradKernel(Workers workers) implements Kernel {
  /** Elements a task handles. */
  private static final int GRAIN = 1 << 15;

  @Override
  public String name() {
    return "layer-norm-grad";
  }

  @Override
  public Class<? extends Op> op() {
    return LayerNormGrad.class;
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.rows(call);
  }

  @Override
  public void launch(Call call) {
    LayerNormGrad grad = (LayerNormGrad) call.op();
    Shape shape = call.input(1).shape();
    int n = (int) shape.product(shape.rank() - grad.dims(), shape.rank());
    int rows = (int) call.input(2).size();
    int group = Math.max(16, GRAIN / n);
    int parts = (rows + group - 1) / group;
    float[] weight = new float[Rows.padded(n)];
    if (grad.affine()) {
      Strided.of(call.input(4)).read(0, n, weight);
    }
    Partials gradWeight = Partials.of(parts, grad.affine() ? n : 0);
    Partials gradBias = Partials.of(parts, grad.affine() ? n : 0);
    workers.run(parts, part -> {
      float[] sumWeight = new float[Rows.padded(n)];
      float[] sumBias = new float[Rows.padded(n)];
      rows(call, part * group, Math.min(rows, (part + 1) * group), n, grad.affine() ? weight : null, sumWeight, sumBias);
      if (grad.affine()) {
        gradWeight.set(part, 0, sumWeight, n);
        gradBias.set(part, 0, sumBias, n);
      }
    });
    if (grad.affine()) {
      Strided.of(call.output(1)).write(0, n, gradWeight.total());
      Strided.of(call.output(2)).write(0, n, gradBias.total());
    }
  }

  private static void rows(Call call, int from, int to, int n, float[] weight, float[] gradWeight, float[] gradBias) {
    Strided gradOutput = Strided.of(call.input(0));
    Strided input = Strided.of(call.input(1));
    Strided gradInput = Strided.of(call.output(0));
    float[] g = new float[Rows.padded(n)];
    float[] x = new float[Rows.padded(n)];
    float[] mean = values(call.input(2), from, to);
    float[] rstd = values(call.input(3), from, to);
    for (int row = from; row < to; row++) {
      gradOutput.read((long) row * n, n, g);
      input.read((long) row * n, n, x);
      if (weight != null) {
        parameters(g, x, n, mean[row - from], rstd[row - from], gradWeight, gradBias);
      }
      inputs(g, x, n, mean[row - from], rstd[row - from], weight);
      gradInput.write((long) row * n, n, g);
    }
  }

  private static float[] values(Tensor statistic, int from, int to) {
    float[] values = new float[to - from];
    Strided.of(statistic).read(from, to - from, values);
    return values;
  }

  /** Adds to the gradients of weight and bias. */
  private static void parameters(float[] g, float[] x, int n, float mean, float rstd, float[] gradWeight, float[] gradBias) {
    for (int i = 0; i < n; i++) {
      gradWeight[i] += g[i] * ((x[i] - mean) * rstd);
    }
    BinaryMaps.add(gradBias, g, gradBias, n);
  }

  /** Turns g into gradX. */
  private static void inputs(float[] g, float[] x, int n, float mean, float rstd, float[] weight) {
    UnaryMaps.affine(x, x, n, 1, -mean);
    if (weight != null) {
      BinaryMaps.multiply(g, weight, g, n);
    }
    float average = VectorMath.sum(g, 0, n) / n;
    float slope = VectorMath.dot(g, x, n) * rstd / n * rstd;
    for (int i = 0; i < n; i++) {
      g[i] = rstd * (g[i] - average - x[i] * slope);
    }
  }
}
