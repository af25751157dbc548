package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LoraLinear;
import dev.tenon.engine.op.Op;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;

/** Runs {@link Linear} and {@link LoraLinear}: the bias is where sums start, the low-rank update a second product into them. */
record LinearKernel(Class<? extends Op> op, Gemm gemm) implements Kernel {
  @Override
  public String name() {
    return MicroKernel.NAME;
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
    Lanes x = Lanes.rows(call.input(0));
    Lanes w = Lanes.of(call.input(1), -2, -1);
    int m = x.perMatrix();
    int n = w.perMatrix();
    Gemm.Term product = new Gemm.Term(x, w);
    List<Gemm.Term> terms = new ArrayList<>(List.of(product));
    boolean bias = call.op() instanceof Linear(boolean b) ? b : call.op() instanceof LoraLinear l && l.bias();
    if (call.op() instanceof LoraLinear(boolean _, double scale)) {
      int lora = bias ? 3 : 2;
      terms.add(lowRank(x, call.input(lora), call.input(lora + 1), (float) scale));
    }
    float[] start = null;
    if (bias) {
      start = new float[n];
      Strided.of(call.input(2)).read(0, n, start);
    }
    gemm.run(m, n, terms, start, out.storage().segment(), out.layout().offset());
  }

  /** {@code scale·(x·loraA)·loraB} as one more product of rank r. */
  private Gemm.Term lowRank(Lanes x, Tensor loraA, Tensor loraB, float scale) {
    int m = x.perMatrix();
    int rank = (int) loraA.dim(-1);
    float[] low = gemm.product(m, rank, new Gemm.Term(x, Lanes.of(loraA, -1, -2)));
    for (int i = 0; i < low.length; i++) {
      low[i] *= scale;
    }
    long[] starts = LongStream.range(0, m).map(i -> i * rank).toArray();
    return new Gemm.Term(new Lanes(MemorySegment.ofArray(low), starts, m, 1, rank), Lanes.of(loraB, -1, -2));
  }
}
