package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import java.util.Arrays;
import java.util.List;

/** A function of two elements, applied to each pair; operands broadcast as in NumPy. */
public record Binary(Fn fn) implements Op {
  /** The functions. */
  public enum Fn {
    ADD,
    SUB,
    MUL,
    DIV
  }

  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, 2);
    Spec x = inputs.get(0);
    Spec y = inputs.get(1);
    Check.dtype(this, "y", x.dtype(), y);
    return List.of(x.with(broadcast(this, x.shape(), y.shape())));
  }

  /** NumPy's broadcast shape, or an exception that names the op. */
  static Shape broadcast(Op op, Shape x, Shape y) {
    try {
      return Shape.broadcast(x, y);
    } catch (IllegalArgumentException e) {
      throw new TenonException(op.name() + ": " + e.getMessage(), e);
    }
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref out = outputs.getFirst();
    double[] x = inputs.get(0).v();
    double[] y = inputs.get(1).v();
    int[] xi = Strides.broadcast(inputs.get(0).shape(), out.shape());
    int[] yi = Strides.broadcast(inputs.get(1).shape(), out.shape());
    Arrays.setAll(out.v(), i -> value(x[xi[i]], y[yi[i]]));
  }

  private double value(double x, double y) {
    return switch (fn) {
      case ADD -> x + y;
      case SUB -> x - y;
      case MUL -> x * y;
      case DIV -> x / y;
    };
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor x = call.input(0);
    Tensor y = call.input(1);
    Tensor g = call.gradOutput();
    Tensor gradX = !call.needs(0) ? null : switch (fn) {
      case ADD, SUB -> g;
      case MUL -> g.mul(y);
      case DIV -> g.div(y);
    };
    Tensor gradY = !call.needs(1) ? null : switch (fn) {
      case ADD -> g;
      case SUB -> g.neg();
      case MUL -> g.mul(x);
      case DIV -> g.mul(call.output(0)).div(y).neg();
    };
    return Arrays.asList(
        gradX == null ? null : gradX.sumTo(x.shape()), gradY == null ? null : gradY.sumTo(y.shape()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(outputs.getFirst().shape().size(), inputs, outputs);
  }
}
