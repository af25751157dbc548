package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.Arrays;
import java.util.List;

/** Matrix product {@code [..., m, k] × [..., k, n] → [..., m, n]}; leading dimensions broadcast. Transposes are views. */
public record MatMul() implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, 2);
    Spec a = inputs.get(0);
    Spec b = inputs.get(1);
    Check.floating(this, "a", a);
    Check.dtype(this, "b", a.dtype(), b);
    Check.that(a.rank() >= 2, this, "a", "of rank 2 or more", a);
    Check.that(b.rank() >= 2, this, "b", "of rank 2 or more", b);
    Check.that(a.dim(-1) == b.dim(-2), this, "b", "[..., " + a.dim(-1) + ", n] to follow a " + a.shape(), b);
    Shape batch = Binary.broadcast(this, a.shape().slice(0, a.rank() - 2), b.shape().slice(0, b.rank() - 2));
    return List.of(a.with(batch.concat(Shape.of(a.dim(-2), b.dim(-1)))));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref a = inputs.get(0);
    Ref b = inputs.get(1);
    Ref c = outputs.getFirst();
    Shape batch = c.shape().slice(0, c.rank() - 2);
    int[] ai = Strides.broadcast(a.shape().slice(0, a.rank() - 2), batch);
    int[] bi = Strides.broadcast(b.shape().slice(0, b.rank() - 2), batch);
    int m = c.dim(-2);
    int n = c.dim(-1);
    int k = a.dim(-1);
    for (int t = 0; t < ai.length; t++) {
      for (int i = 0; i < m; i++) {
        for (int p = 0; p < k; p++) {
          double x = a.v()[(ai[t] * m + i) * k + p];
          for (int j = 0; j < n; j++) {
            c.v()[(t * m + i) * n + j] += x * b.v()[(bi[t] * k + p) * n + j];
          }
        }
      }
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor a = call.input(0);
    Tensor b = call.input(1);
    Tensor g = call.gradOutput();
    return Arrays.asList(
        call.needs(0) ? g.matmul(b.transpose(-1, -2)).sumTo(a.shape()) : null,
        call.needs(1) ? a.transpose(-1, -2).matmul(g).sumTo(b.shape()) : null);
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(2.0 * outputs.getFirst().shape().size() * inputs.getFirst().dim(-1), inputs, outputs);
  }
}
