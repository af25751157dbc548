package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Resample2d;
import dev.tenon.engine.op.Resample2dGrad;
import dev.tenon.engine.op.Taps;
import java.util.List;
import jdk.incubator.vector.FloatVector;

/** Runs interpolation, average pooling and their gradients, plane by plane: first along rows, then along columns. */
record ResampleKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS = List.of(Resample2d.class, Resample2dGrad.class);

  /** Elements a task handles. */
  private static final int GRAIN = 1 << 15;

  @Override
  public String name() {
    return "resample";
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.rows(call) instanceof Offer.Refuse refusal ? refusal : Fit.counted(call.input(0));
  }

  @Override
  public void launch(Call call) {
    int height = (int) call.input(0).dim(2);
    int width = (int) call.input(0).dim(3);
    switch (call.op()) {
      case Resample2d op -> resample(call, op.rows().taps(height), op.columns().taps(width));
      case Resample2dGrad op -> resample(call, op.forward().rows().taps(op.height()).transposed(),
          op.forward().columns().taps(op.width()).transposed());
      default -> throw new IllegalArgumentException(call.op().name() + " does not resample");
    }
  }

  /** Runs a computation for each plane; {@code elements} are read and written for one. */
  private void planes(Tensor x, int elements, Workers.Range body) {
    long planes = x.dim(0) * x.dim(1);
    long group = Math.max(1, GRAIN / elements);
    workers.run((int) ((planes + group - 1) / group), task -> body.run(task * group, Math.min(planes, (task + 1) * group)));
  }

  private void resample(Call call, Taps rows, Taps columns) {
    TapTable wide = TapTable.of(columns);
    Strided input = Strided.of(call.input(0));
    Strided output = Strided.of(call.output(0));
    int from = rows.in() * columns.in();
    int to = rows.out() * columns.out();
    planes(call.input(0), from + to, (first, end) -> {
      float[] x = Scratch.array(0, from);
      float[] y = Scratch.array(1, to + Simd.LANES);
      float[] row = Scratch.array(2, columns.in() + 1);
      float[] sums = Scratch.array(3, rows.in() * wide.pitch());
      row[columns.in()] = 0;
      for (long plane = first; plane < end; plane++) {
        input.read(plane * from, from, x);
        for (int i = 0; i < rows.in(); i++) {
          System.arraycopy(x, i * columns.in(), row, 0, columns.in());
          wide.sum(row, sums, i * wide.pitch());
        }
        for (int i = 0; i < rows.out(); i++) {
          weigh(sums, rows.first()[i], wide.pitch(), rows.weights()[i], y, i * columns.out());
        }
        output.write(plane * to, to, y);
      }
    });
  }

  /** The weighted sum of some rows; what is written beyond the end of one, the next overwrites. */
  private static void weigh(float[] x, int first, int pitch, double[] weights, float[] y, int at) {
    for (int i = 0; i < pitch; i += Simd.LANES) {
      FloatVector sum = FloatVector.zero(Simd.F32);
      for (int k = 0; k < weights.length; k++) {
        sum = FloatVector.fromArray(Simd.F32, x, (first + k) * pitch + i).fma(FloatVector.broadcast(Simd.F32, (float) weights[k]), sum);
      }
      sum.intoArray(y, at + i);
    }
  }
}
