package dev.tenon.kernels.gpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.AdamW;
import dev.tenon.engine.op.Sgd;
import dev.tenon.engine.op.Updating;
import java.util.List;
import java.util.stream.IntStream;

/** Launches the text {@code optimizer}: one pass over a parameter and its running means. */
public record OptimizerKernels(Launcher launcher) {
  private static final String TEXT = "optimizer";

  public List<Kernel> all() {
    return List.of(
        new OpKernel("adam", AdamW.class, Fit::real, this::adam),
        new OpKernel("sgd", Sgd.class, Fit::real, this::sgd));
  }

  /** Where the parameter and its means are, row-major: in their places, or copied. */
  private static long[] updated(Call call, Operands in) {
    Updating op = (Updating) call.op();
    return IntStream.range(0, call.outputs().size()).mapToLong(i -> in.contiguous(op.updates(i))).toArray();
  }

  private static void finish(Call call, Operands in, long[] updated) {
    for (int i = 0; i < updated.length; i++) {
      in.finish(i, updated[i], call.output(i).dtype());
    }
  }

  private void adam(Call call) {
    try (Operands in = launcher.operands(call)) {
      AdamW op = (AdamW) call.op();
      Tensor p = call.input(0);
      long[] updated = updated(call, in);
      launcher.launch(call, Launcher.Entry.of(TEXT, "adam", p.dtype()), Grid.over(p.size(), 4), (int) p.size(), updated[0],
          in.contiguous(1), in.contiguous(AdamW.RATES), updated[1], updated[2], updated.length == 4 ? updated[3] : 0L,
          op.decoupled() ? 1 : 0, op.scale(), op.beta1(), op.beta2(), op.eps(), op.weightDecay());
      finish(call, in, updated);
    }
  }

  private void sgd(Call call) {
    try (Operands in = launcher.operands(call)) {
      Sgd op = (Sgd) call.op();
      Tensor p = call.input(0);
      long[] updated = updated(call, in);
      launcher.launch(call, Launcher.Entry.of(TEXT, "sgd", p.dtype()), Grid.over(p.size(), 4), (int) p.size(), updated[0],
          in.contiguous(1), in.contiguous(AdamW.RATES), updated.length == 2 ? updated[1] : 0L, op.nesterov() ? 1 : 0, op.scale(),
          op.momentum(), op.weightDecay());
      finish(call, in, updated);
    }
  }
}
