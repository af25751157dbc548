package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.ArrayList;
import java.util.List;

/** {@code x·wᵀ + b}: operands x [..., in], w [out, in] and, under {@code bias}, b [out]; result [..., out]. */
public record Linear(boolean bias) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, bias ? 3 : 2);
    return List.of(result(this, inputs));
  }

  /** Checks x, w and, where there is a third operand, b; answers what the product looks like. */
  static Spec result(Op op, List<Spec> inputs) {
    Spec x = inputs.get(0);
    Spec w = inputs.get(1);
    Check.floating(op, "x", x);
    Check.that(x.rank() >= 1, op, "x", "[..., in]", x);
    Check.rank(op, "w", 2, w);
    Check.dtype(op, "w", x.dtype(), w);
    Check.that(w.dim(1) == x.dim(-1), op, "w", "[out, " + x.dim(-1) + "] to follow x " + x.shape(), w);
    if (inputs.size() > 2) {
      Check.that(inputs.get(2).equals(new Spec(x.dtype(), Shape.of(w.dim(0)))), op, "b", "[" + w.dim(0) + "] " + x.dtype(),
          inputs.get(2));
    }
    return x.with(x.shape().with(-1, w.dim(0)));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref x = inputs.get(0);
    Ref w = inputs.get(1);
    double[] y = outputs.getFirst().v();
    int in = w.dim(1);
    int out = w.dim(0);
    for (int i = 0; i < y.length; i++) {
      double sum = bias ? inputs.get(2).v()[i % out] : 0;
      for (int p = 0; p < in; p++) {
        sum += x.v()[i / out * in + p] * w.v()[i % out * in + p];
      }
      y[i] = sum;
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor x = call.input(0);
    Tensor w = call.input(1);
    Tensor g = call.gradOutput().reshape(rows(call.gradOutput()), w.dim(0));
    List<Tensor> gradients = new ArrayList<>();
    gradients.add(call.needs(0) ? g.matmul(w).reshape(x.shape()) : null);
    gradients.add(call.needs(1) ? g.transpose(0, 1).matmul(x.reshape(rows(x), w.dim(1))) : null);
    if (bias) {
      gradients.add(call.needs(2) ? g.sum(0) : null);
    }
    return gradients;
  }

  /** All dimensions but the last, as one. */
  static long rows(Tensor x) {
    return x.shape().product(0, x.rank() - 1);
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(2.0 * outputs.getFirst().shape().size() * inputs.get(1).dim(1), inputs, outputs);
  }
}
