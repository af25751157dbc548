package dev.tenon.kernels.cpu;

import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.SumOfSquares;
import java.util.Arrays;
import java.util.List;

/** Runs {@link SumOfSquares}: pieces of all operands, whose sums are added in their order. */
record SquaresKernel(Workers workers) implements Kernel {
  /** Elements a task adds up, all of one operand. */
  private static final int GRAIN = 1 << 15;

  @Override
  public String name() {
    return "squares";
  }

  @Override
  public Class<? extends Op> op() {
    return SumOfSquares.class;
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.f32(call);
  }

  @Override
  public void launch(Call call) {
    List<Strided> operands = call.inputs().stream().map(Strided::of).toList();
    int[] last = operands.stream().mapToInt(x -> Math.toIntExact((x.size() + GRAIN - 1) / GRAIN)).toArray();
    Arrays.parallelPrefix(last, Math::addExact);
    Partials partials = Partials.of(last[last.length - 1], 1);
    workers.run(partials.parts(), task -> {
      int operand = 0;
      while (task >= last[operand]) {
        operand++;
      }
      Strided x = operands.get(operand);
      long from = (task - (operand == 0 ? 0 : last[operand - 1])) * (long) GRAIN;
      partials.set(task, 0, new float[] {squares(x, from, (int) Math.min(GRAIN, x.size() - from))}, 1);
    });
    Strided.of(call.output(0)).write(0, 1, partials.total());
  }

  private static float squares(Strided x, long from, int length) {
    float[] tile = new float[Rows.padded(Math.min(Rows.TILE, length))];
    double sum = 0;
    for (int at = 0; at < length; at += Rows.TILE) {
      int n = Math.min(Rows.TILE, length - at);
      x.read(from + at, n, tile);
      sum += VectorMath.dot(tile, tile, 0, n);
    }
    return (float) sum;
  }
}
