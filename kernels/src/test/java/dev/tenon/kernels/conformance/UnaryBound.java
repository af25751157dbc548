package dev.tenon.kernels.conformance;

import static dev.tenon.kernels.conformance.ErrorBound.SLACK;
import static dev.tenon.kernels.conformance.ErrorBound.U;

import dev.tenon.engine.op.GatedGelu;
import dev.tenon.engine.op.GatedGeluGrad;
import dev.tenon.engine.op.Ref;
import dev.tenon.engine.op.Unary;
import dev.tenon.engine.op.UnaryGrad;
import java.util.List;

/**
 * Bounds for functions of one element: what their elementary functions may be off by, relative to the terms the function is made of,
 * and two roundings of their argument, which weigh as much as the function is steep.
 */
final class UnaryBound {
  /** Elementary functions are good to four units in the last place, which are eight roundoffs. */
  static final double ULPS = 8;
  /** Step of the difference quotient that stands for the second derivative; operands keep farther from kinks. */
  private static final double STEP = 1e-4;

  private UnaryBound() {}

  static double[] of(Unary op, double[] x) {
    double[] bound = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      bound[i] = value(op, x[i], 2);
    }
    return bound;
  }

  static double[] of(UnaryGrad op, double[] x, double[] g) {
    double[] bound = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      bound[i] = Math.abs(g[i]) * slope(new Unary(op.fn(), op.a(), op.b()), x[i], 2);
    }
    return bound;
  }

  static List<double[]> of(GatedGelu op, List<Ref> in) {
    double[] z = in.get(0).v();
    double[] gate = in.get(1).v();
    int width = in.getFirst().dim(-1) / op.experts();
    double[] bound = new double[z.length];
    for (int i = 0; i < z.length; i++) {
      bound[i] = value(Unary.of(Unary.Fn.GELU), z[i] * gate[i / width], 3);
    }
    return List.of(bound);
  }

  static List<double[]> of(GatedGeluGrad op, List<Ref> in) {
    double[] z = in.get(0).v();
    double[] gate = in.get(1).v();
    int width = in.getFirst().dim(-1) / op.experts();
    double[] gradZ = new double[z.length];
    double[] gradGate = new double[gate.length];
    for (int i = 0; i < z.length; i++) {
      double v = z[i] * gate[i / width];
      double g = Math.abs(in.get(2).v()[i]);
      double off = g * slope(Unary.of(Unary.Fn.GELU), v, 3);
      double size = SLACK * U * g * Math.abs(Unary.Fn.GELU.derivative(v, 0, 0));
      gradZ[i] = Math.abs(gate[i / width]) * (off + 2 * size);
      gradGate[i / width] += Math.abs(z[i]) * (off + (width + 2) * size);
    }
    return List.of(gradZ, gradGate);
  }

  /** Bound of {@code f(x)} after {@code roundings} of x. */
  private static double value(Unary op, double x, int roundings) {
    double value = Math.abs(op.fn().value(x, op.a(), op.b()));
    double slope = Math.abs(x * op.fn().derivative(x, op.a(), op.b()));
    return SLACK * U * (ULPS * (value + valueTerms(op, x)) + roundings * slope);
  }

  /** Bound of {@code f′(x)} after {@code roundings} of x. */
  private static double slope(Unary op, double x, int roundings) {
    double slope = Math.abs(op.fn().derivative(x, op.a(), op.b()));
    double above = op.fn().derivative(x + STEP, op.a(), op.b());
    double below = op.fn().derivative(x - STEP, op.a(), op.b());
    double curvature = Math.abs(x * (above - below) / (2 * STEP));
    return SLACK * U * (ULPS * (slope + slopeTerms(op, x)) + roundings * curvature);
  }

  /** Sizes of the terms that may cancel in {@code f(x)}. */
  private static double valueTerms(Unary op, double x) {
    double a = Math.abs(x);
    return switch (op.fn()) {
      case AFFINE -> Math.abs(op.a() * x) + Math.abs(op.b());
      case ACOS, SOFTPLUS -> 1;
      case HARD_SIGMOID -> a / 6 + 0.5;
      case HARD_SWISH -> a * (a / 6 + 0.5);
      case SILU, QUICK_GELU, GELU_TANH -> a * sigmoidSlope(argument(op.fn(), x)) * Math.abs(argument(op.fn(), x));
      default -> 0;
    };
  }

  /** Sizes of the terms that may cancel in {@code f′(x)}. */
  private static double slopeTerms(Unary op, double x) {
    double a = Math.abs(x);
    return switch (op.fn()) {
      case TANH -> 1 + Math.tanh(x) * Math.tanh(x);
      case HARD_SWISH -> a / 3 + 0.5;
      case GELU -> normal(x) + a * density(x) * (1 + x * x);
      case SILU, QUICK_GELU, GELU_TANH -> {
        double u = Math.abs(argument(op.fn(), x));
        double steep = Math.abs(x * (argument(op.fn(), x + STEP) - argument(op.fn(), x - STEP)) / (2 * STEP));
        yield 1 / (1 + Math.exp(-argument(op.fn(), x))) + sigmoidSlope(u) * (steep * (1 + u) + u);
      }
      default -> 0;
    };
  }

  private static double normal(double x) {
    return x == 0 ? 0.5 : Unary.Fn.GELU.value(x, 0, 0) / x;
  }

  private static double density(double x) {
    return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  }

  private static double sigmoidSlope(double u) {
    double e = Math.exp(-Math.abs(u));
    return e / ((1 + e) * (1 + e));
  }

  /** What the sigmoid of a gate is taken of. */
  private static double argument(Unary.Fn fn, double x) {
    return switch (fn) {
      case QUICK_GELU -> 1.702 * x;
      case GELU_TANH -> Math.sqrt(8 / Math.PI) * (x + 0.044715 * x * x * x);
      default -> x;
    };
  }
}
