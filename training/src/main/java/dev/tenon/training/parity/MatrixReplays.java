package dev.tenon.training.parity;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Einsum;
import dev.tenon.engine.op.Linear;
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
    return Map.of("y", c.has("w.bias")
        ? new Linear(true).apply(c.in("x"), c.w("weight"), c.w("bias"))
        : new Linear(false).apply(c.in("x"), c.w("weight")));
  }

  private static Map<String, Tensor> einsum(GoldenCase c) {
    Tensor k = c.in("k");
    Tensor x = c.in("x");
    Tensor a = Einsum.apply("bhnd,bhmd->bhnm", c.in("q"), k);
    return Map.of(
        "a", a,
        "b", Einsum.apply("bhnm,bhmd->bhnd", a, k),
        "c", Einsum.apply("bnc,co->bno", x, c.in("wo")),
        "d", Einsum.apply("bnc,co->bon", x, c.in("wo")),
        "e", Einsum.apply("bne,bned->bnd", c.in("gate"), c.in("experts")),
        "f", Einsum.apply("bnc,bmc->bnm", x, x),
        "g", Einsum.apply("bnc->c", x));
  }
}
