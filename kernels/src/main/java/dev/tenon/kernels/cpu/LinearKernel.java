package dev.tenon.kernels.cpu;

import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.kernel.WeightFormat;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LoraLinear;
import dev.tenon.engine.op.Op;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Runs {@link Linear} and {@link LoraLinear}: the bias is where sums start, the low-rank update a second product into them. In a plan,
 * frozen weights are packed once, and what follows the layer element by element is done while its results are in the cache.
 */
record LinearKernel(Class<? extends Op> op, Gemm gemm) implements Kernel {
  /** The number of the memory for the factor of low rank. Outside the heap, like all operands: code that meets both is a third slower. */
  private static final Frozen NOTHING = new Frozen(_ -> false, WeightFormat.F32);

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
    prepare(call, List.of(), NOTHING).run();
  }

  @Override
  public int absorbs(Call call, List<Call> next) {
    int count = 0;
    while (count < next.size() && Epilogue.fits(next.get(count), (count == 0 ? call : next.get(count - 1)).output(0))) {
      count++;
    }
    return count;
  }

  @Override
  public Runnable prepare(Call call, List<Call> absorbed, Frozen frozen) {
    Tensor out = (absorbed.isEmpty() ? call : absorbed.getLast()).output(0);
    if (call.outputs().stream().allMatch(t -> t.size() == 0)) {
      return () -> {};
    }
    Lanes x = Lanes.rows(call.input(0));
    Tensor weight = call.input(1);
    int n = (int) weight.dim(0);
    Lanes columns = Lanes.of(weight, -2, -1);
    Gemm.Right w = frozen.operands().test(weight)
        ? new Gemm.Right.Ready(Packed.of(columns, frozen.format()))
        : new Gemm.Right.Columns(columns);
    boolean biased = call.op() instanceof Linear(boolean b) ? b : call.op() instanceof LoraLinear l && l.bias();
    float[] bias = biased ? new float[Gemm.roundUp(n, MicroKernel.COLUMNS)] : null;
    Gemm.Term product = new Gemm.Term(x, w);
    Gemm.Target target =
        new Gemm.Target(out.storage().segment(), out.layout().offset(), bias, absorbed.isEmpty() ? null : Epilogue.of(call, absorbed));
    return () -> {
      if (biased) {
        Strided.of(call.input(2)).read(0, n, bias);
      }
      List<Gemm.Term> terms = call.op() instanceof LoraLinear(boolean _, double scale)
          ? List.of(product, lowRank(x, call.input(biased ? 3 : 2), call.input(biased ? 4 : 3), (float) scale, call.output(1)))
          : List.of(product);
      if (n > 0) {
        gemm.run(x.perMatrix(), n, terms, target);
      }
    };
  }

  /** {@code scale·(x·loraA)·loraB} as one more product of rank r, whose first factor goes to {@code factor}. */
  private Gemm.Term lowRank(Lanes x, Tensor loraA, Tensor loraB, float scale, Tensor factor) {
    int m = x.perMatrix();
    int rank = (int) loraA.dim(-1);
    MemorySegment low = factor.storage().segment();
    int from = (int) factor.layout().offset();
    gemm.run(m, rank, List.of(new Gemm.Term(x, Lanes.of(loraA, -1, -2))), low, from);
    for (int i = from; scale != 1 && i < from + m * rank; i++) {
      low.setAtIndex(Simd.FLOAT, i, low.getAtIndex(Simd.FLOAT, i) * scale);
    }
    return new Gemm.Term(new Lanes(low, Lanes.spaced(from, m, rank), m, 1, rank), Lanes.of(loraB, -1, -2));
  }
}
