package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Elements;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.AdamW;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Sgd;
import java.util.ArrayList;
import java.util.List;

/** Runs optimizer steps: one pass over a parameter, its gradient and what is remembered of it. */
record UpdateKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS = List.of(AdamW.class, Sgd.class);

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
    int tile = (int) Math.min(Rows.TILE, Math.max(1, call.output(0).size()));
    List<Tensor> inputs = new ArrayList<>(call.inputs());
    Tensor rates = inputs.remove(AdamW.RATES);
    List<Rows.Operand> in = inputs.stream().map(t -> Rows.Operand.of(t, t.layout(), tile)).toList();
    List<Rows.Operand> out = call.outputs().stream().map(t -> Rows.Operand.of(t, t.layout(), tile)).toList();
    Rows.run(workers, in, out, switch (call.op()) {
      case AdamW adam -> UpdateMaps.of(adam, rate(rates, 0), rate(rates, 1), rate(rates, 2));
      case Sgd sgd -> UpdateMaps.of(sgd, rate(rates, 0), rate(rates, 1));
      default -> throw new IllegalArgumentException(call.op().name() + " is no step of an optimizer");
    });
  }

  private static float rate(Tensor rates, int index) {
    return (float) Elements.get(rates.storage().segment(), rates.dtype(), rates.layout().offset() + index * rates.layout().stride(0));
  }
}
