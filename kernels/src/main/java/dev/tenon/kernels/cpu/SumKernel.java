package dev.tenon.kernels.cpu;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Sum;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Runs {@link Sum} over any dimensions: along rows where neighbors in memory belong to one sum, down columns where they belong to
 * different ones.
 */
record SumKernel(Workers workers) implements Kernel {
  /** Elements a task adds up. */
  private static final int GRAIN = 1 << 15;

  @Override
  public String name() {
    return "sum";
  }

  @Override
  public Class<? extends Op> op() {
    return Sum.class;
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.rows(call);
  }

  @Override
  public void launch(Call call) {
    Tensor x = call.input(0);
    List<Integer> dims = ((Sum) call.op()).dims();
    int[] kept = IntStream.range(0, x.rank()).filter(d -> !dims.contains(d)).toArray();
    int[] reduced = dims.stream().mapToInt(d -> d).toArray();
    int sums = (int) call.output(0).size();
    float[] total = step(x.layout(), reduced) <= step(x.layout(), kept)
        ? alongRows(Strided.of(x, x.layout().permute(join(kept, reduced))), sums, x.size() / sums)
        : downColumns(Strided.of(x, x.layout().permute(join(reduced, kept))), sums, x.size() / sums);
    Strided.of(call.output(0)).write(0, sums, total);
  }

  private static int[] join(int[] first, int[] second) {
    return IntStream.concat(IntStream.of(first), IntStream.of(second)).toArray();
  }

  /** The least distance between neighbors along any of {@code dims}. */
  private static long step(Layout layout, int[] dims) {
    return IntStream.of(dims).filter(d -> layout.shape().dim(d) > 1).mapToLong(d -> Math.abs(layout.stride(d))).min()
        .orElse(Long.MAX_VALUE);
  }

  private float[] alongRows(Strided x, int rows, long length) {
    int parts = Math.toIntExact((length + GRAIN - 1) / GRAIN);
    int group = (int) Math.max(1, GRAIN / length);
    Partials partials = Partials.of(parts, rows);
    int groups = (rows + group - 1) / group;
    workers.run(groups * parts, task -> {
      int first = task / parts * group;
      int count = Math.min(group, rows - first);
      long from = (long) (task % parts) * GRAIN;
      float[] sums = new float[count];
      float[] tile = new float[Rows.padded((int) Math.min(Rows.TILE, length))];
      for (int r = 0; r < count; r++) {
        sums[r] = sum(x, (first + r) * length + from, (int) Math.min(GRAIN, length - from), tile);
      }
      partials.set(task % parts, first, sums, count);
    });
    return partials.total();
  }

  private static float sum(Strided x, long from, int length, float[] tile) {
    double sum = 0;
    for (int at = 0; at < length; at += tile.length) {
      int n = Math.min(tile.length, length - at);
      x.read(from + at, n, tile);
      sum += VectorMath.sum(tile, 0, n);
    }
    return (float) sum;
  }

  private float[] downColumns(Strided x, int columns, long length) {
    int width = Math.min(columns, Rows.TILE);
    int rows = Math.max(16, GRAIN / width);
    int parts = Math.toIntExact((length + rows - 1) / rows);
    int blocks = (columns + width - 1) / width;
    Partials partials = Partials.of(parts, columns);
    workers.run(parts * blocks, task -> {
      int first = task % blocks * width;
      int count = Math.min(width, columns - first);
      long from = (long) (task / blocks) * rows;
      float[] sums = new float[Rows.padded(count)];
      float[] row = new float[Rows.padded(count)];
      for (long r = from; r < Math.min(length, from + rows); r++) {
        x.read(r * columns + first, count, row);
        BinaryMaps.add(sums, row, sums, count);
      }
      partials.set(task / blocks, first, sums, count);
    });
    return partials.total();
  }
}
