package dev.tenon.kernels.cpu;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Assign;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Contiguous;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Pad;
import dev.tenon.engine.op.Roll;
import dev.tenon.engine.op.SliceGrad;
import java.util.Arrays;
import java.util.List;

/** Runs the ops that only move elements: each is a few copies between a view of an operand and a view of the result. */
record CopyKernel(Class<? extends Op> op, Workers workers) implements Kernel {
  /** The ops it runs. */
  static final List<Class<? extends Op>> OPS =
      List.of(Contiguous.class, Assign.class, Concat.class, Pad.class, SliceGrad.class, Roll.class);

  @Override
  public String name() {
    return "copy";
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.staged(call);
  }

  @Override
  public void launch(Call call) {
    Tensor out = call.output(0);
    Layout all = out.layout();
    switch (call.op()) {
      case Contiguous _ -> copy(call.input(0), call.input(0).layout(), out, all);
      case Assign _ -> copy(call.input(1), call.input(1).layout(), out, all);
      case Concat(int axis) -> concat(call, all.shape().axis(axis));
      case Pad(List<Long> before, _, double value) -> {
        fill(out, (float) value);
        Layout inside = all;
        for (int d = 0; d < before.size(); d++) {
          inside = inside.slice(d, before.get(d), before.get(d) + call.input(0).dim(d), 1);
        }
        copy(call.input(0), call.input(0).layout(), out, inside);
      }
      case SliceGrad(int axis, long from, long to, long step, _) -> {
        fill(out, 0);
        copy(call.input(0), call.input(0).layout(), out, all.slice(axis, from, to, step));
      }
      case Roll(int axis, long shift) -> roll(call, all.shape().axis(axis), shift);
      default -> throw new IllegalArgumentException(call.op().name() + " does not only move elements");
    }
  }

  private void concat(Call call, int axis) {
    long from = 0;
    for (Tensor x : call.inputs()) {
      copy(x, x.layout(), call.output(0), call.output(0).layout().slice(axis, from, from + x.dim(axis), 1));
      from += x.dim(axis);
    }
  }

  private void roll(Call call, int axis, long shift) {
    Tensor x = call.input(0);
    Tensor out = call.output(0);
    long extent = x.dim(axis);
    long head = extent == 0 ? 0 : Math.floorMod(shift, extent);
    copy(x, x.layout().slice(axis, 0, extent - head, 1), out, out.layout().slice(axis, head, extent, 1));
    copy(x, x.layout().slice(axis, extent - head, extent, 1), out, out.layout().slice(axis, 0, head, 1));
  }

  private void copy(Tensor from, Layout source, Tensor to, Layout target) {
    copy(workers, from, source, to, target);
  }

  /** Copies what {@code source} sees of one tensor to what {@code target} sees of another. */
  static void copy(Workers workers, Tensor from, Layout source, Tensor to, Layout target) {
    Strided x = Strided.of(from, source);
    Strided y = Strided.of(to, target);
    if (from.dtype() == to.dtype() && x.hasLongRuns() && y.hasLongRuns()) {
      workers.ranges(x.size(), (first, end) -> x.copy(first, (int) (end - first), y));
    } else if (x.size() > 0) {
      int tile = (int) Math.min(Rows.TILE, source.shape().size());
      Rows.run(workers, List.of(Rows.Operand.of(from, source, tile)), List.of(Rows.Operand.of(to, target, tile)),
          (in, out, n) -> System.arraycopy(in[0], 0, out[0], 0, n));
    }
  }

  private void fill(Tensor to, float value) {
    int tile = (int) Math.min(Rows.TILE, Math.max(1, to.size()));
    Rows.run(workers, List.of(), List.of(Rows.Operand.of(to, to.layout(), tile)), (_, out, n) -> Arrays.fill(out[0], 0, n, value));
  }
}
