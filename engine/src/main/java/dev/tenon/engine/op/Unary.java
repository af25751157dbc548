package dev.tenon.engine.op;

import dev.tenon.engine.Tensor;
import java.util.List;
import org.apache.commons.math3.special.Erf;

/**
 * A function applied to each element. {@code a} and {@code b} are its parameters where it has any (see {@link Fn}).
 */
public record Unary(Fn fn, double a, double b) implements Op {
  /** The functions, each with its value and derivative; at a kink the derivative is PyTorch's. */
  public enum Fn {
    /** {@code a·x + b}. */
    AFFINE((x, a, b) -> a * x + b, (_, a, _) -> a),
    EXP((x, _, _) -> Math.exp(x), (x, _, _) -> Math.exp(x)),
    LOG((x, _, _) -> Math.log(x), (x, _, _) -> 1 / x),
    SQRT((x, _, _) -> Math.sqrt(x), (x, _, _) -> 0.5 / Math.sqrt(x)),
    RSQRT((x, _, _) -> 1 / Math.sqrt(x), (x, _, _) -> -0.5 / (x * Math.sqrt(x))),
    SQUARE((x, _, _) -> x * x, (x, _, _) -> 2 * x),
    RECIPROCAL((x, _, _) -> 1 / x, (x, _, _) -> -1 / (x * x)),
    /** {@code x^a}. */
    POW((x, a, _) -> Math.pow(x, a), (x, a, _) -> a == 0 ? 0 : a * Math.pow(x, a - 1)),
    ABS((x, _, _) -> Math.abs(x), (x, _, _) -> Math.signum(x)),
    /** x limited to {@code [a, b]}. */
    CLAMP((x, a, b) -> Math.min(Math.max(x, a), b), (x, a, b) -> x >= a && x <= b ? 1 : 0),
    SIN((x, _, _) -> Math.sin(x), (x, _, _) -> Math.cos(x)),
    COS((x, _, _) -> Math.cos(x), (x, _, _) -> -Math.sin(x)),
    ACOS((x, _, _) -> Math.acos(x), (x, _, _) -> -1 / Math.sqrt(1 - x * x)),
    ERF((x, _, _) -> Erf.erf(x), (x, _, _) -> 2 / Math.sqrt(Math.PI) * Math.exp(-x * x)),
    TANH((x, _, _) -> Math.tanh(x), (x, _, _) -> 1 - Math.tanh(x) * Math.tanh(x)),
    SIGMOID((x, _, _) -> sigmoid(x), (x, _, _) -> sigmoid(x) * sigmoid(-x)),
    /** {@code log(1 + exp(x))}. */
    SOFTPLUS((x, _, _) -> Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), (x, _, _) -> sigmoid(x)),
    RELU((x, _, _) -> Math.max(x, 0), (x, _, _) -> x > 0 ? 1 : 0),
    RELU6((x, _, _) -> Math.min(Math.max(x, 0), 6), (x, _, _) -> x > 0 && x < 6 ? 1 : 0),
    /** x above 0, {@code a·x} below. */
    LEAKY_RELU((x, a, _) -> x > 0 ? x : a * x, (x, a, _) -> x > 0 ? 1 : a),
    /** x above 0, {@code a·(exp(x) − 1)} below. */
    ELU((x, a, _) -> x > 0 ? x : a * Math.expm1(x), (x, a, _) -> x > 0 ? 1 : a * Math.exp(x)),
    /** {@code x·sigmoid(x)}. */
    SILU((x, _, _) -> x * sigmoid(x), (x, _, _) -> sigmoid(x) * (1 + x * sigmoid(-x))),
    /** {@code relu6(x + 3)/6}. */
    HARD_SIGMOID((x, _, _) -> Math.clamp(x / 6 + 0.5, 0, 1), (x, _, _) -> x > -3 && x < 3 ? 1.0 / 6 : 0),
    /** {@code x·relu6(x + 3)/6}. */
    HARD_SWISH((x, _, _) -> x * Math.clamp(x / 6 + 0.5, 0, 1), (x, _, _) -> x < -3 ? 0 : x <= 3 ? x / 3 + 0.5 : 1),
    /** {@code x/2·(1 + erf(x/√2))}, exactly. */
    GELU(
        (x, _, _) -> 0.5 * x * Erf.erfc(-x / Math.sqrt(2)),
        (x, _, _) -> 0.5 * Erf.erfc(-x / Math.sqrt(2)) + x * Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI)),
    /** GELU by {@code tanh(√(2/π)·(x + 0.044715·x³))}. */
    GELU_TANH(
        (x, _, _) -> x * sigmoid(2 * tanhArgument(x)),
        (x, _, _) -> sigmoid(2 * tanhArgument(x)) * (1 + 2 * x * sigmoid(-2 * tanhArgument(x))
            * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x))),
    /** {@code x·sigmoid(1.702·x)}. */
    QUICK_GELU(
        (x, _, _) -> x * sigmoid(1.702 * x),
        (x, _, _) -> sigmoid(1.702 * x) * (1 + 1.702 * x * sigmoid(-1.702 * x)));

    private final Formula value;
    private final Formula derivative;

    Fn(Formula value, Formula derivative) {
      this.value = value;
      this.derivative = derivative;
    }

    /** The function of {@code x} under the parameters {@code a} and {@code b}. */
    public double value(double x, double a, double b) {
      return value.at(x, a, b);
    }

    /** The derivative at {@code x}. */
    public double derivative(double x, double a, double b) {
      return derivative.at(x, a, b);
    }
  }

  /** A function of an element and the parameters. */
  private interface Formula {
    double at(double x, double a, double b);
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  private static double tanhArgument(double x) {
    return Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);
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
