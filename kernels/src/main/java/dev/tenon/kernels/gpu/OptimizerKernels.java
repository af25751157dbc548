package dev.tenon.kernels.gpu;

import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.AdamW;
import dev.tenon.engine.op.Average;
import dev.tenon.engine.op.OptimizerStep;
import dev.tenon.engine.op.Sgd;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Launches the text {@code optimizer}: one pass over parameters and what is remembered of them, as many at a time as a launch takes. */
public record OptimizerKernels(Launcher launcher) {
  private static final String TEXT = "optimizer";

  public List<Kernel> all() {
    return List.of(
        new OpKernel("adam", AdamW.class, Fit::real, this::adam),
        new OpKernel("sgd", Sgd.class, Fit::real, this::sgd),
        new OpKernel("average", Average.class, Fit::real, call -> launch(call, "average", 2)));
  }

  private void adam(Call call) {
    AdamW op = (AdamW) call.op();
    launch(call, "adam", 5, op.decoupled() ? 1 : 0, op.scale(), op.beta1(), op.beta2(), op.eps(), op.weightDecay());
  }

  private void sgd(Call call) {
    Sgd op = (Sgd) call.op();
    launch(call, "sgd", 3, op.nesterov() ? 1 : 0, op.scale(), op.momentum(), op.weightDecay());
  }

  /** @param pointers of a parameter that the kernel takes; those that a step has not are null */
  private void launch(Call call, String kernel, int pointers, Object... attributes) {
    OptimizerStep step = (OptimizerStep) call.op();
    int parameters = step.parameters(call.inputs().size());
    try (Operands in = launcher.operands(call)) {
      long[][] places = new long[parameters][pointers];
      for (int i = 0; i < parameters; i++) {
        for (int j = 0; j < step.each(); j++) {
          places[i][j] = in.contiguous(step.input(i, j));
        }
      }
      Launcher.Entry entry = Launcher.Entry.of(TEXT, kernel, call.input(OptimizerStep.RATES).dtype());
      long rates = in.contiguous(OptimizerStep.RATES);
      int[] sizes = IntStream.range(0, parameters).map(i -> (int) call.input(step.input(i, 0)).size()).toArray();
      for (Launcher.Group group : launcher.groups(sizes, places)) {
        List<Object> arguments = new ArrayList<>(List.of(group, rates));
        arguments.addAll(List.of(attributes));
        launcher.launch(call, entry, group.grid(), arguments.toArray());
      }
      for (int i = 0; i < call.outputs().size(); i++) {
        int input = step.updates(i) - OptimizerStep.FIRST;
        in.finish(i, places[input / step.each()][input % step.each()], call.output(i).dtype());
      }
    }
  }
}
