package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Elements;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.AdamW;
import dev.tenon.engine.op.Average;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.OptimizerStep;
import dev.tenon.engine.op.Sgd;
import java.util.List;
import java.util.stream.IntStream;

/** Runs optimizer steps: one pass over the parameters, their gradients and what is remembered of them. */
record UpdateKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS = List.of(AdamW.class, Sgd.class, Average.class);

  @Override
  public String name() {
    return "update";
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.f32(call);
  }

  @Override
  public void launch(Call call) {
    OptimizerStep step = (OptimizerStep) call.op();
    Tensor rates = call.input(OptimizerStep.RATES);
    Rows.Body body = switch (step) {
      case AdamW adam -> UpdateMaps.of(adam, rate(rates, 0), rate(rates, 1), rate(rates, 2), rate(rates, 3));
      case Sgd sgd -> UpdateMaps.of(sgd, rate(rates, 0), rate(rates, 1), rate(rates, 2));
      case Average _ -> UpdateMaps.average(rate(rates, 0));
    };
    int results = step.each() - 1;
    Rows.run(workers, IntStream.range(0, step.parameters(call.inputs().size())).mapToObj(i -> new Rows.Pass(
        operands(call.inputs().subList(step.input(i, 0), step.input(i + 1, 0))),
        operands(call.outputs().subList(i * results, (i + 1) * results)), 1, body)).toList());
  }

  private static List<Rows.Operand> operands(List<Tensor> tensors) {
    int tile = Math.clamp(tensors.getFirst().size(), 1, Rows.TILE);
    return tensors.stream().map(t -> Rows.Operand.of(t, t.layout(), tile)).toList();
  }

  private static float rate(Tensor rates, int index) {
    return (float) Elements.get(rates.storage().segment(), rates.dtype(), rates.layout().offset() + index * rates.layout().stride(0));
  }
}
