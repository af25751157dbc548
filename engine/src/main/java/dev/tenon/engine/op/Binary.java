package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** A function of two elements, applied to each pair; operands broadcast as in NumPy. */
public record Binary(Fn fn) implements Op {
  /** The functions. */
  public enum Fn {
    ADD,
    SUB,
    MUL,
    DIV,
    MAX,
    MIN,
    /** {@code x^y}. */
    POW
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
      throw new TenonException(op.name() + ": the operands must be of shapes that broadcast, but are " + x + " and " + y, e);
    }
  }

  @Override
  public String name() {
    return fn.name().toLowerCase(Locale.ROOT);
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
      case MAX -> Math.max(x, y);
      case MIN -> Math.min(x, y);
      case POW -> Math.pow(x, y);
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
      case MAX -> g.mul(share(Compare.Relation.GT, x, y));
      case MIN -> g.mul(share(Compare.Relation.LT, x, y));
      case POW -> g.mul(baseDerivative(x, y));
    };
    Tensor gradY = !call.needs(1) ? null : switch (fn) {
      case ADD -> g;
      case SUB -> g.neg();
      case MUL -> g.mul(x);
      case DIV -> g.mul(call.output(0)).div(y).neg();
      case MAX -> g.mul(share(Compare.Relation.GT, y, x));
      case MIN -> g.mul(share(Compare.Relation.LT, y, x));
      case POW -> g.mul(exponentDerivative(x, call.output(0)));
    };
    return Arrays.asList(
        gradX == null ? null : gradX.sumTo(x.shape()), gradY == null ? null : gradY.sumTo(y.shape()));
  }

  /** 1 where x wins, 1/2 where it ties with y. */
  private static Tensor share(Compare.Relation wins, Tensor x, Tensor y) {
    Tensor won = new Compare(wins).apply(x, y).cast(x.dtype());
    return won.add(new Compare(Compare.Relation.EQ).apply(x, y).cast(x.dtype()).mul(0.5));
  }

  /** {@code y·x^(y−1)}; 0 for y = 0, where the limit holds for x = 0 too. */
  private static Tensor baseDerivative(Tensor x, Tensor y) {
    Tensor zero = Tensor.scalar(x.dtype(), 0);
    Tensor constant = new Compare(Compare.Relation.EQ).apply(y, zero);
    return new Where().apply(constant, zero, y.mul(new Binary(Fn.POW).apply(x, y.add(-1))));
  }

  /** {@code x^y·log x}; 0 where the power is 0, which is the limit. */
  private static Tensor exponentDerivative(Tensor x, Tensor power) {
    Tensor zero = Tensor.scalar(x.dtype(), 0);
    Tensor vanished = new Compare(Compare.Relation.EQ).apply(power, zero);
    return new Where().apply(vanished, zero, power.mul(x.map(Unary.Fn.LOG)));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(outputs.getFirst().shape().size(), inputs, outputs);
  }
}
