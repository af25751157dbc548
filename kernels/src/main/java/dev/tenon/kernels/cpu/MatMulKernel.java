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
    return MicroKernel.NAME;
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
    Tensor a = call.input(0);
    Tensor b = call.input(1);
    Lanes columns = Lanes.of(b, -1, -2);
    int n = columns.perMatrix();
    if (b.size() == b.dim(-1) * b.dim(-2)) {
      Lanes rows = Lanes.rows(a);
      gemm.run(rows.perMatrix(), n, List.of(new Gemm.Term(rows, columns)), out.storage().segment(), out.layout().offset());
      return;
    }
    Lanes rows = Lanes.of(a, -2, -1);
    int m = rows.perMatrix();
    Shape batch = out.shape().slice(0, out.rank() - 2);
    long[] ai = matrices(a, batch);
    long[] bi = matrices(b, batch);
    gemm.each(ai.length, t -> gemm.run(m, n, List.of(new Gemm.Term(rows.matrix((int) ai[t]), columns.matrix((int) bi[t]))),
        out.storage().segment(), out.layout().offset() + (long) t * m * n));
  }

  private static long[] matrices(Tensor operand, Shape batch) {
    Layout own = Layout.contiguous(operand.shape().slice(0, operand.rank() - 2));
    return Lanes.indices(own.expand(batch));
  }
}
