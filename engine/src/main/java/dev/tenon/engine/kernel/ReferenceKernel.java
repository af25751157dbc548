package dev.tenon.engine.kernel;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Ref;
import java.util.List;

/** Runs any op on any device by the op's own definition: unpack to doubles, compute with plain loops, round once, store. */
final class ReferenceKernel implements Kernel {
  @Override
  public String name() {
    return "reference";
  }

  @Override
  public Class<? extends Op> op() {
    return Op.class;
  }

  @Override
  public Offer accepts(Call call) {
    return Offer.accept(Double.MAX_VALUE);
  }

  /** The host computes. */
  @Override
  public boolean isRecordable() {
    return false;
  }

  @Override
  public void launch(Call call) {
    List<Ref> inputs = call.inputs().stream().map(Elements::unpack).toList();
    List<Ref> outputs = call.outputs().stream().map(t -> Ref.zeros(t.dtype(), t.shape())).toList();
    call.op().reference(inputs, outputs);
    for (int i = 0; i < outputs.size(); i++) {
      Tensor output = call.output(i);
      Elements.pack(outputs.get(i), output);
    }
  }
}
