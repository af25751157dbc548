package dev.tenon.kernels.cuda;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Unary;
import dev.tenon.kernels.cuda.AlignedProducts.After;
import dev.tenon.kernels.gpu.OpKernel;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;

/**
 * A linear layer that, in a plan, takes along what follows it in a transformer: GELU, a residual that is added, or one after the other.
 *
 * @param alone the layer by itself
 * @param run computes a call and what comes after
 */
record LayerKernel(OpKernel alone, BiConsumer<Call, After> run) implements Kernel {
  /** Elements that a residual may begin after: those of a chunk of memory or of several. */
  private static final int CHUNK = 16;
  /** Elements of a result up to which GELU is taken along. Tensor cores stand still meanwhile, in the end longer than a pass takes. */
  private static final long MOST_GELU = 1 << 22;

  @Override
  public String name() {
    return alone.name();
  }

  @Override
  public Class<? extends Op> op() {
    return alone.op();
  }

  @Override
  public double leastCost() {
    return alone.leastCost();
  }

  @Override
  public Offer accepts(Call call) {
    return alone.accepts(call);
  }

  @Override
  public void launch(Call call) {
    alone.launch(call);
  }

  @Override
  public int absorbs(Call call, List<Call> next) {
    int count = !next.isEmpty() && isGelu(next.getFirst()) ? 1 : 0;
    if (count == 1 && call.output(0).size() > MOST_GELU) {
      return 0;
    }
    return next.size() > count && addsResidual(next.get(count)) ? count + 1 : count;
  }

  private static boolean isGelu(Call call) {
    return call.op() instanceof Unary(Unary.Fn fn, _, _) && fn == Unary.Fn.GELU;
  }

  private static boolean addsResidual(Call call) {
    return call.op() instanceof Binary(Binary.Fn fn) && fn == Binary.Fn.ADD && call.inputs().stream().allMatch(
        t -> t.shape().equals(call.output(0).shape()) && t.layout().isContiguous() && t.layout().offset() % CHUNK == 0);
  }

  @Override
  public Runnable prepare(Call call, List<Call> absorbed, Frozen frozen) {
    if (absorbed.isEmpty() || absorbed.getLast().output(0).size() == 0) {
      return () -> launch(call);
    }
    Call last = absorbed.getLast();
    Tensor result = absorbed.size() == 1 ? call.output(0) : absorbed.getFirst().output(0);
    Object residual = last.op() instanceof Binary
        ? last.inputs().stream().filter(t -> t.storage() != result.storage()).findFirst().orElseThrow() : Long.valueOf(0);
    After after = new After(isGelu(absorbed.getFirst()), residual);
    List<Tensor> outputs = new ArrayList<>(last.outputs());
    outputs.addAll(call.outputs().subList(1, call.outputs().size()));
    Call whole = new Call(call.op(), call.inputs(), outputs);
    return () -> run.accept(whole, after);
  }
}
