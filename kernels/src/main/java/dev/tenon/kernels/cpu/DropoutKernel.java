package dev.tenon.kernels.cpu;

import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Dropout;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.random.Philox;

/** Runs {@link Dropout}: four elements draw from one block of random numbers. */
record DropoutKernel(Workers workers) implements Kernel {
  @Override
  public String name() {
    return "dropout";
  }

  @Override
  public Class<? extends Op> op() {
    return Dropout.class;
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.f32(call);
  }

  @Override
  public void launch(Call call) {
    Dropout dropout = (Dropout) call.op();
    Philox random = Philox.of(dropout.seed());
    Strided x = Strided.of(call.input(0));
    Strided y = Strided.of(call.output(0));
    workers.ranges(call.output(0).size(), (from, to) -> {
      float[] tile = new float[Rows.TILE];
      for (long at = from; at < to; at += tile.length) {
        int n = (int) Math.min(tile.length, to - at);
        x.read(at, n, tile);
        drop(tile, n, random, dropout.offset() + at, dropout.p());
        y.write(at, n, tile);
      }
    });
  }

  private static void drop(float[] x, int n, Philox random, long first, double p) {
    double scale = 1 / (1 - p);
    int[] bits = random.block(first >> 2);
    for (int i = 0; i < n; i++) {
      if ((first + i & 3) == 0) {
        bits = random.block(first + i >> 2);
      }
      float uniform = (bits[(int) (first + i & 3)] >>> 8) * 0x1p-24f;
      x[i] = uniform < p ? 0 : (float) (x[i] * scale);
    }
  }
}
