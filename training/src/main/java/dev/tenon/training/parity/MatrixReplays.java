package dev.tenon.training.parity;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.Map;

/** Matrix products, plain and as Einstein sums. */
final class MatrixReplays {
  static final Map<String, Replay> ALL = Map.of(
      "op_matmul", c -> Map.of("y", c.in("a").matmul(c.in("b"))),
      "op_matmul_vec", MatrixReplays::withVector,
      "op_matmul_transposed", MatrixReplays::transposed,
      "op_linear", MatrixReplays::linear,
      "op_einsum", MatrixReplays::einsum);

  private MatrixReplays() {}

  private static Map<String, Tensor> withVector(GoldenCase c) {
    Tensor a = c.in("a");
    Tensor b = c.in("b");
    Tensor left = a.rank() == 1 ? a.reshape(1, a.dim(0)) : a;
    Tensor right = b.rank() == 1 ? b.reshape(b.dim(0), 1) : b;
    Tensor y = left.matmul(right);
    Shape shape = b.rank() == 1 ? y.shape().without(-1) : y.shape();
    return Map.of("y", y.reshape(a.rank() == 1 ? shape.without(b.rank() == 1 ? -1 : -2) : shape));
  }

  private static Map<String, Tensor> transposed(GoldenCase c) {
    Tensor a = c.in("a");
    return Map.of("y", a.matmul(c.in("b").transpose(-1, -2)), "z", a.transpose(-1, -2).matmul(a));
  }

  private static Map<String, Tensor> linear(GoldenCase c) {
    Tensor y = c.in("x").matmul(c.w("weight").transpose(0, 1));
    return Map.of("y", c.has("w.bias") ? y.add(c.w("bias")) : y);
  }

  private static Map<String, Tensor> einsum(GoldenCase c) {
    Tensor q = c.in("q");
    Tensor k = c.in("k");
    Tensor x = c.in("x");
    Tensor gate = c.in("gate");
    Tensor wo = c.in("wo");
    Tensor a = q.matmul(k.transpose(-1, -2));
    return Map.of(
        "a", a,
        "b", a.matmul(k),
        "c", x.matmul(wo),
        "d", wo.transpose(0, 1).matmul(x.transpose(-1, -2)),
        "e", gate.reshape(gate.shape().insert(2, 1)).matmul(c.in("experts")).sum(2),
        "f", x.matmul(x.transpose(-1, -2)),
        "g", x.sum(0, 1));
  }
}
