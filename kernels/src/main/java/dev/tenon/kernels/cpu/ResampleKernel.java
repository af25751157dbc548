package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Resample2d;
import dev.tenon.engine.op.Resample2dGrad;
import dev.tenon.engine.op.Taps;
import java.util.Arrays;
import java.util.List;

/** Runs interpolation, average pooling and their gradients, plane by plane: first all rows, then all columns. */
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

  /** Weights one after the other, those of element i from {@code start[i]} on. */
  private record Weights(int[] first, int[] start, float[] values) {
    static Weights of(Taps taps) {
      int[] start = new int[taps.out() + 1];
      for (int i = 0; i < taps.out(); i++) {
        start[i + 1] = start[i] + taps.weights()[i].length;
      }
      float[] values = new float[start[taps.out()]];
      for (int i = 0; i < taps.out(); i++) {
        for (int k = 0; k < taps.weights()[i].length; k++) {
          values[start[i] + k] = (float) taps.weights()[i][k];
        }
      }
      return new Weights(taps.first(), start, values);
    }
  }

  private void resample(Call call, Taps rows, Taps columns) {
    Weights tall = Weights.of(rows);
    Weights wide = Weights.of(columns);
    Strided input = Strided.of(call.input(0));
    Strided output = Strided.of(call.output(0));
    int from = rows.in() * columns.in();
    int to = rows.out() * columns.out();
    planes(call.input(0), from + to, (first, end) -> {
      float[] x = new float[from];
      float[] y = new float[to];
      float[] row = new float[columns.in()];
      for (long plane = first; plane < end; plane++) {
        input.read(plane * from, from, x);
        for (int i = 0; i < rows.out(); i++) {
          weighRows(x, tall, i, row);
          weighColumns(row, wide, y, i * columns.out(), columns.out());
        }
        output.write(plane * to, to, y);
      }
    });
  }

  private static void weighRows(float[] x, Weights rows, int i, float[] row) {
    Arrays.fill(row, 0);
    for (int k = rows.start[i]; k < rows.start[i + 1]; k++) {
      addScaled(x, (rows.first[i] + k - rows.start[i]) * row.length, rows.values[k], row);
    }
  }

  private static void addScaled(float[] x, int at, float weight, float[] row) {
    for (int c = 0; c < row.length; c++) {
      row[c] += weight * x[at + c];
    }
  }

  private static void weighColumns(float[] row, Weights columns, float[] y, int at, int width) {
    for (int c = 0; c < width; c++) {
      int start = columns.start[c];
      float sum = 0;
      for (int k = start; k < columns.start[c + 1]; k++) {
        sum += columns.values[k] * row[columns.first[c] + k - start];
      }
      y[at + c] = sum;
    }
  }
}
