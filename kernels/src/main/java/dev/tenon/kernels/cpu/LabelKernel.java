package dev.tenon.kernels.cpu;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Elements;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Compare;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Where;
import java.util.List;

/** Compares and picks labels (I64), which floats do not hold. */
record LabelKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS = List.of(Compare.class, Where.class);

  @Override
  public String name() {
    return "labels";
  }

  @Override
  public Offer accepts(Call call) {
    return call.inputs().getLast().dtype() == DType.I64 && call.output(0).size() <= Integer.MAX_VALUE
        ? Fit.accept() : Offer.refuse("works on labels (I64) only");
  }

  @Override
  public void launch(Call call) {
    Shape shape = call.output(0).shape();
    List<long[]> at = call.inputs().stream().map(t -> Lanes.indices(t.layout().expand(shape))).toList();
    DType dtype = call.output(0).dtype();
    workers.ranges(shape.size(), (from, to) -> {
      for (int i = (int) from; i < to; i++) {
        double value = switch (call.op()) {
          case Compare compare -> compare.holds(get(call, at, 0, i), get(call, at, 1, i)) ? 1 : 0;
          default -> get(call, at, get(call, at, 0, i) != 0 ? 1 : 2, i);
        };
        Elements.set(call.output(0).storage().segment(), dtype, i, value);
      }
    });
  }

  private static double get(Call call, List<long[]> at, int operand, int i) {
    Tensor t = call.input(operand);
    return Elements.get(t.storage().segment(), t.dtype(), at.get(operand)[i]);
  }
}
