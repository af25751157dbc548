package dev.tenon.kernels.cpu;

import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Op;

/** Does what there is to do for results without elements: nothing. */
record EmptyKernel(Class<? extends Op> op) implements Kernel {
  @Override
  public String name() {
    return "empty";
  }

  @Override
  public Offer accepts(Call call) {
    return call.outputs().stream().allMatch(t -> t.size() == 0) ? Fit.accept() : Offer.refuse("takes results without elements");
  }

  @Override
  public void launch(Call call) {}
}
