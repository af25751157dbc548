package dev.tenon.engine.trace;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Cost;
import dev.tenon.engine.op.Spec;
import java.util.List;
import java.util.stream.Collectors;
import jdk.jfr.Category;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** Flight-recorder event of one op: what ran, on which kernel, on what shapes, and the work in it. Off unless asked for. */
@Name("dev.tenon.Op")
@Label("Tensor op")
@Category("Tenon")
@Enabled(false)
@StackTrace(false)
public final class OpEvent extends Event {
  @Label("Op")
  public String op;

  @Label("Kernel")
  public String kernel;

  @Label("Shapes")
  public String shapes;

  @Label("Bytes")
  public long bytes;

  @Label("Flops")
  public long flops;

  /** Ends the event: {@code calls} were run by {@code kernel} in one pass. */
  public void tell(List<Call> calls, Kernel kernel) {
    end();
    if (!shouldCommit()) {
      return;
    }
    op = calls.stream().map(c -> c.op().name()).collect(Collectors.joining(" + "));
    this.kernel = kernel.name();
    shapes = specs(calls.getFirst().inputs()).toString();
    for (Call call : calls) {
      Cost cost = call.op().cost(specs(call.inputs()), specs(call.outputs()));
      bytes += (long) cost.bytes();
      flops += (long) cost.flops();
    }
    commit();
  }

  private static List<Spec> specs(List<Tensor> tensors) {
    return tensors.stream().map(t -> new Spec(t.dtype(), t.shape())).toList();
  }
}
