package dev.tenon.kernels.cpu;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.MatMul;
import dev.tenon.engine.op.Op;
import java.util.List;

/** Runs batched and broadcast {@link MatMul} of operands of any strides on packed panels. */
record MatMulKernel(Gemm gemm) implements Kernel {
  @Override
  public String name() {
    return "gemm-4x" + MicroKernel.COLUMNS;
  }

  @Override
  public Class<? extends Op> op() {
    return MatMul.class;
  }

  @Override
  public Offer accepts(Call call) {
    return Fit.packed(call);
  }

  @Override
  public void launch(Call call) {
    Tensor out = call.output(0);
    if (out.size() == 0) {
      return;
    }
    Shape batch = out.shape().slice(0, out.rank() - 2);
    Gemm.Term term = gemm.term(
        Lanes.of(call.input(0), -2, -1), Lanes.of(call.input(1), -1, -2), matrices(call.input(0), batch),
        matrices(call.input(1), batch));
    gemm.run((int) batch.size(), (int) out.dim(-2), (int) out.dim(-1), List.of(term), null, out.storage().segment(),
        out.layout().offset());
  }

  private static int[] matrices(Tensor operand, Shape batch) {
    Layout own = Layout.contiguous(operand.shape().slice(0, operand.rank() - 2));
    return Gemm.ints(Lanes.indices(own.expand(batch)));
  }
}
