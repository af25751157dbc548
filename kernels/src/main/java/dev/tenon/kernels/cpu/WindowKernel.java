package dev.tenon.kernels.cpu;

import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.WindowJoin;
import dev.tenon.engine.op.WindowSplit;
import dev.tenon.engine.op.Windows;
import java.util.List;
import java.util.function.IntUnaryOperator;

/** Runs the ops that cut maps into windows and put them together again: a pixel of all channels at a time. */
record WindowKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS = List.of(WindowSplit.class, WindowJoin.class);
  /** Elements that a task moves, about. */
  private static final long TASK = 1 << 15;

  @Override
  public String name() {
    return "windows";
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.staged(call);
  }

  @Override
  public void launch(Call call) {
    switch (call.op()) {
      case WindowSplit(Windows w) -> move(call, w.count() * w.tokens(), w.rows() * w.columns(),
          i -> w.pixel(i / w.tokens(), i % w.tokens()));
      case WindowJoin(Windows w) -> move(call, w.rows() * w.columns(), w.count() * w.tokens(), w::place);
      default -> throw new IllegalArgumentException(call.op().name() + " has no windows");
    }
  }

  /** Takes pixel {@code from(i)} of the {@code there} of an image, or zeros, to its pixel i of {@code here}. */
  private void move(Call call, int here, int there, IntUnaryOperator from) {
    Strided x = Strided.of(call.input(0));
    Strided y = Strided.of(call.output(0));
    int channels = (int) Math.max(1, call.input(0).dim(-1));
    long pixels = call.output(0).size() / channels;
    long group = Math.max(1, TASK / channels);
    float[] zeros = new float[Rows.padded(channels)];
    workers.run((int) ((pixels + group - 1) / group), task -> {
      float[] row = new float[Rows.padded(channels)];
      for (long i = task * group; i < Math.min(pixels, (task + 1) * group); i++) {
        int pixel = from.applyAsInt((int) (i % here));
        if (pixel >= 0) {
          x.read((i / here * there + pixel) * channels, channels, row);
        }
        y.write(i * channels, channels, pixel >= 0 ? row : zeros);
      }
    });
  }
}
