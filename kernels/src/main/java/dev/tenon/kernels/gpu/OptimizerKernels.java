package dev.tenon.kernels.gpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.AdamW;
import dev.tenon.engine.op.Sgd;
import java.util.List;

/** Launches the text {@code optimizer}: one pass over a parameter and its running means. */
public record OptimizerKernels(Launcher launcher) {
  private static final String TEXT = "optimizer";

  public List<Kernel> all() {
    return List.of(
        new OpKernel("adam", AdamW.class, OptimizerKernels::refusal, this::adam),
        new OpKernel("sgd", Sgd.class, OptimizerKernels::refusal, this::sgd));
  }

  private static String refusal(Call call) {
    boolean dense = call.outputs().stream().allMatch(t -> t.layout().isContiguous());
    return dense ? Fit.real(call) : "writes parameters that are contiguous, and one is not";
  }

  private void adam(Call call) {
    try (Operands in = launcher.operands(call)) {
      AdamW op = (AdamW) call.op();
      Tensor p = call.input(0);
      double stepSize = op.lr() / (1 - Math.pow(op.beta1(), op.step()));
      double correction = Math.sqrt(1 - Math.pow(op.beta2(), op.step()));
      Object vMax = call.inputs().size() == 5 ? call.input(4) : Long.valueOf(0);
      launcher.launch(call, Launcher.Entry.of(TEXT, "adam", p.dtype()), Grid.over(p.size(), 4), (int) p.size(), p,
          in.contiguous(1), call.input(2), call.input(3), vMax, op.decoupled() ? 1 : 0, op.lr(), op.beta1(), op.beta2(), op.eps(),
          op.weightDecay(), stepSize, correction);
    }
  }

  private void sgd(Call call) {
    try (Operands in = launcher.operands(call)) {
      Sgd op = (Sgd) call.op();
      Tensor p = call.input(0);
      Object buffer = op.momentum() == 0 ? Long.valueOf(0) : call.input(2);
      launcher.launch(call, Launcher.Entry.of(TEXT, "sgd", p.dtype()), Grid.over(p.size(), 4), (int) p.size(), p,
          in.contiguous(1), buffer, op.nesterov() ? 1 : 0, op.first() ? 1 : 0, op.lr(), op.momentum(), op.dampening(),
          op.weightDecay());
    }
  }
}
