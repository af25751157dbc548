package dev.tenon.kernels.cpu;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.LayerNormGrad;
import dev.tenon.engine.op.Op;
import java.util.Arrays;

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
    Arrays.fill(weight, 1);
    if (grad.affine()) {
      Strided.of(call.input(4)).read(0, n, weight);
    }
    Partials gradWeight = Partials.of(parts, n);
    Partials gradBias = Partials.of(parts, n);
    workers.run(parts, part -> {
      float[] sumWeight = new float[weight.length];
      float[] sumBias = new float[weight.length];
      rows(call, part * group, Math.min(rows, (part + 1) * group), n, weight, sumWeight, sumBias);
      gradWeight.set(part, 0, sumWeight, n);
      gradBias.set(part, 0, sumBias, n);
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
    int block = Math.max(1, Rows.BLOCK / n);
    int room = Rows.padded(block * n) + Simd.LANES;
    float[] g = Scratch.array(0, room);
    float[] x = Scratch.array(1, room);
    float[] gradX = Scratch.array(2, room);
    float[] normal = Scratch.array(3, weight.length);
    float[] weighed = Scratch.array(4, weight.length);
    float[] mean = values(call.input(2), from, to);
    float[] rstd = values(call.input(3), from, to);
    for (int row = from; row < to; row += block) {
      int count = Math.min(block, to - row);
      gradOutput.read((long) row * n, count * n, g);
      input.read((long) row * n, count * n, x);
      for (int r = 0; r < count; r++) {
        int at = row + r - from;
        NormMaps.gradients(g, x, r * n, n, mean[at], rstd[at], weight, normal, weighed, gradX, gradWeight, gradBias);
      }
      gradInput.write((long) row * n, count * n, gradX);
    }
  }

  private static float[] values(Tensor statistic, int from, int to) {
    float[] values = new float[to - from];
    Strided.of(statistic).read(from, to - from, values);
    return values;
  }
}
