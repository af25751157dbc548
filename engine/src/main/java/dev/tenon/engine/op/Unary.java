package dev.tenon.engine.op;

import dev.tenon.engine.Tensor;
import java.util.List;
import org.apache.commons.math3.special.Erf;

/**
 * A function applied to each element. {@code a} and {@code b} are its parameters where it has any (see {@link Fn}).
 */
public record Unary(Fn fn, double a, double b) implements Op {
  /** The functions, each with its value and derivative. */
  public enum Fn {
    /** {@code a·x + b}. */
    AFFINE {
      @Override
      double value(double x, double a, double b) {
        return a * x + b;
      }

      @Override
      double derivative(double x, double a, double b) {
        return a;
      }
    },
    EXP {
      @Override
      double value(double x, double a, double b) {
        return Math.exp(x);
      }

      @Override
      double derivative(double x, double a, double b) {
        return Math.exp(x);
      }
    },
    LOG {
      @Override
      double value(double x, double a, double b) {
        return Math.log(x);
      }

      @Override
      double derivative(double x, double a, double b) {
        return 1 / x;
      }
    },
    /** {@code x/2·(1 + erf(x/√2))}, exactly. */
    GELU {
      @Override
      double value(double x, double a, double b) {
        return 0.5 * x * Erf.erfc(-x / Math.sqrt(2));
      }

      @Override
      double derivative(double x, double a, double b) {
        return 0.5 * Erf.erfc(-x / Math.sqrt(2)) + x * Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
      }
    };

    abstract double value(double x, double a, double b);

    abstract double derivative(double x, double a, double b);
  }

  /** A function without parameters. */
  public static Unary of(Fn fn) {
    return new Unary(fn, 0, 0);
  }

  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 1).getFirst();
    Check.floating(this, "x", x);
    return List.of(x);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] x = inputs.getFirst().v();
    double[] y = outputs.getFirst().v();
    for (int i = 0; i < y.length; i++) {
      y[i] = fn.value(x[i], a, b);
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(new UnaryGrad(fn, a, b).apply(call.input(0), call.gradOutput()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(outputs.getFirst().shape().size(), inputs, outputs);
  }
}
