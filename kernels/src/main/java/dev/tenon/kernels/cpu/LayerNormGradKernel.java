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
    float[] mean = values(call.input(2), from, to);
    float[] rstd = values(call.input(3), from, to);
    boolean inPlace = n % Simd.LANES == 0 && Spans.isInPlace(gradInput, n, n);
    for (int row = from; row < to; row++) {
      long first = (long) row * n;
      long g = vectors(gradOutput, first, n, 0);
      long x = vectors(input, first, n, 1);
      long gradX = inPlace ? Spans.address(gradInput, first, n) : Scratch.memory(2, n).address();
      NormMaps.gradients(g, x, n, mean[row - from], rstd[row - from], weight, gradX, gradWeight, gradBias);
      if (!inPlace) {
        Spans.write(gradInput, first, n, 2);
      }
    }
  }

  /** Where a row of whole vectors is: in place, or in the thread's memory {@code number}, zero beyond its {@code n} elements. */
  private static long vectors(Strided data, long first, int n, int number) {
    if (n % Simd.LANES == 0) {
      return Spans.read(data, first, n, n, number);
    }
    Scratch.memory(number, n).asSlice((long) n * Float.BYTES).fill((byte) 0);
    return Spans.copy(data, first, n, number);
  }

  private static float[] values(Tensor statistic, int from, int to) {
    float[] values = new float[to - from];
    Strided.of(statistic).read(from, to - from, values);
    return values;
  }
}
