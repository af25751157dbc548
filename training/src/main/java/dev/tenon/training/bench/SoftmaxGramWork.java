package dev.tenon.training.bench;

import dev.tenon.engine.DType;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Attention;
import dev.tenon.engine.op.Cost;
import dev.tenon.engine.op.Softmax;
import java.util.List;

/**
 * Scalar products of all pairs of pixels, their softmax, and values diffused with it: {@code softmax(x·xᵀ/√C)·v} for x and v
 * [images, pixels, C]. Where heads as wide as that have tensor cores, that is attention with one head, and no matrix of all pairs; in F32
 * whose products do not split their factors, three ops are faster. A call with few pixels is what is compared.
 */
record SoftmaxGramWork(long images, long pixels, long channels) implements Workload {
  @Override
  public String name() {
    return "gram-softmax-diffuse-" + images + "x" + pixels + "x" + channels;
  }

  private Tensor draw(Draws draws) {
    return draws.uniform(images, pixels, channels);
  }

  private Tensor run(boolean attention, Tensor x, Tensor v) {
    if (attention) {
      Tensor query = x.reshape(x.dim(0), x.dim(1), 1, channels);
      return new Attention(1 / Math.sqrt(channels), false, false).applyAll(List.of(query, query, v.reshape(query.shape()))).getFirst();
    }
    Tensor products = x.mul(1 / Math.sqrt(channels)).matmul(x.transpose(1, 2));
    return new Softmax(-1).apply(products).matmul(v);
  }

  @Override
  public Prepared prepare(Arithmetic arithmetic) {
    boolean attention = arithmetic == Arithmetic.BF16 || arithmetic == Arithmetic.SPLIT;
    try (Scope _ = Scope.open()) {
      SoftmaxGramWork small = new SoftmaxGramWork(2, 40, channels);
      Draws draws = new Draws(arithmetic.dtype());
      Tensor x = small.draw(draws);
      Tensor v = small.draw(draws);
      double[] expected = Check.onReference(host -> small.run(false, x.to(host).cast(DType.F64), v.to(host).cast(DType.F64)).toDoubles());
      Check.near("diffused values", small.run(attention, x, v).toDoubles(), expected, arithmetic.bound(4, 2 * (channels + 40)));
    }
    Draws draws = new Draws(arithmetic.dtype());
    Tensor x = draw(draws);
    Tensor v = draw(draws);
    double elements = (double) images * pixels * channels;
    return new Prepared(new Cost(4 * elements * pixels, 3 * elements * arithmetic.dtype().byteSize()), () -> run(attention, x, v));
  }
}
