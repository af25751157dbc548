package dev.tenon.kernels.gpu;

import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Op;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * One op on the GPU.
 *
 * @param cost beside other kernels of the op that can run a call; the lowest wins
 * @param refusal why it cannot run a call, or null when it can
 * @param run launches what computes a call whose results have elements
 */
public record OpKernel(String name, Class<? extends Op> op, double cost, Function<Call, String> refusal, Consumer<Call> run)
    implements Kernel {
  public OpKernel(String name, Class<? extends Op> op, Function<Call, String> refusal, Consumer<Call> run) {
    this(name, op, 1, refusal, run);
  }

  @Override
  public double leastCost() {
    return cost;
  }

  @Override
  public Offer accepts(Call call) {
    String reason = refusal.apply(call);
    return reason == null ? Offer.accept(cost) : Offer.refuse(reason);
  }

  @Override
  public void launch(Call call) {
    if (call.outputs().stream().anyMatch(t -> t.size() > 0)) {
      run.accept(call);
    }
  }
}
