package dev.tenon.kernels.cpu;

import dev.tenon.engine.op.Unary;
import dev.tenon.engine.op.UnaryGrad;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The functions of {@link Unary} and their derivatives on arrays: plain loops, which the compiler vectorizes by itself, around
 * {@link VectorMath}. Functions without a loop of their own are computed by their definition.
 */
final class UnaryMaps {
  /** GELU is about {@code x·sigmoid(LINEAR·x + CUBIC·x³)}. */
  private static final float LINEAR = 1.5957692f;
  private static final float CUBIC = 0.07135482f;

  private UnaryMaps() {}

  static Rows.Body of(Unary op) {
    float a = (float) op.a();
    float b = (float) op.b();
    return switch (op.fn()) {
      case AFFINE -> (in, out, n) -> affine(in[0], out[0], n, a, b);
      case EXP -> (in, out, n) -> VectorMath.exp(in[0], 1, 0, out[0], 0, n);
      case SQRT -> (in, out, n) -> sqrt(in[0], out[0], n);
      case RSQRT -> (in, out, n) -> rsqrt(in[0], out[0], n);
      case SQUARE -> (in, out, n) -> BinaryMaps.multiply(in[0], in[0], out[0], n);
      case RECIPROCAL -> (in, out, n) -> reciprocal(in[0], out[0], n);
      case ABS -> (in, out, n) -> abs(in[0], out[0], n);
      case CLAMP -> (in, out, n) -> clamp(in[0], out[0], n, a, b);
      case RELU -> (in, out, n) -> clamp(in[0], out[0], n, 0, Float.POSITIVE_INFINITY);
      case RELU6 -> (in, out, n) -> clamp(in[0], out[0], n, 0, 6);
      case TANH -> (in, out, n) -> VectorMath.tanh(in[0], out[0], n);
      case SIGMOID -> (in, out, n) -> sigmoid(in[0], out[0], n);
      case SILU -> (in, out, n) -> gate(in[0], out[0], n, 1, 0);
      case QUICK_GELU -> (in, out, n) -> gate(in[0], out[0], n, 1.702f, 0);
      case GELU_TANH -> (in, out, n) -> gate(in[0], out[0], n, LINEAR, CUBIC);
      case GELU -> (in, out, n) -> GeluMaps.gelu(in[0], out[0], n);
      default -> (in, out, n) -> define(op, in[0], out[0], n);
    };
  }

  static Rows.Body of(UnaryGrad op) {
    float a = (float) op.a();
    return switch (op.fn()) {
      case AFFINE -> (in, out, n) -> affine(in[1], out[0], n, a, 0);
      case RELU -> (in, out, n) -> reluGrad(in[0], in[1], out[0], n);
      case EXP -> (in, out, n) -> expGrad(in[0], in[1], out[0], n);
      case SIGMOID -> (in, out, n) -> sigmoidGrad(in[0], in[1], out[0], n, 1, 1);
      case TANH -> (in, out, n) -> sigmoidGrad(in[0], in[1], out[0], n, 2, 4);
      case SILU -> (in, out, n) -> gateGrad(in[0], in[1], out[0], n, 1, 0);
      case QUICK_GELU -> (in, out, n) -> gateGrad(in[0], in[1], out[0], n, 1.702f, 0);
      case GELU_TANH -> (in, out, n) -> gateGrad(in[0], in[1], out[0], n, LINEAR, CUBIC);
      default -> (in, out, n) -> define(op, in[0], in[1], out[0], n);
    };
  }

  private static void define(Unary op, float[] x, float[] y, int n) {
    for (int i = 0; i < n; i++) {
      y[i] = (float) op.fn().value(x[i], op.a(), op.b());
    }
  }

  private static void define(UnaryGrad op, float[] x, float[] g, float[] y, int n) {
    for (int i = 0; i < n; i++) {
      y[i] = (float) (g[i] * op.fn().derivative(x[i], op.a(), op.b()));
    }
  }

  static void affine(float[] x, float[] y, int n, float a, float b) {
    for (int i = 0; i < n; i++) {
      y[i] = a * x[i] + b;
    }
  }

  private static void sqrt(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i++) {
      y[i] = (float) Math.sqrt(x[i]);
    }
  }

  private static void rsqrt(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i++) {
      y[i] = 1 / (float) Math.sqrt(x[i]);
    }
  }

  private static void reciprocal(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i++) {
      y[i] = 1 / x[i];
    }
  }

  static void abs(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i++) {
      y[i] = Math.abs(x[i]);
    }
  }

  private static void clamp(float[] x, float[] y, int n, float low, float high) {
    for (int i = 0; i < n; i++) {
      y[i] = Math.min(Math.max(x[i], low), high);
    }
  }

  private static void reluGrad(float[] x, float[] g, float[] y, int n) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector v = FloatVector.fromArray(Simd.F32, x, i);
      FloatVector.zero(Simd.F32).blend(FloatVector.fromArray(Simd.F32, g, i), v.compare(VectorOperators.GT, 0)).intoArray(y, i);
    }
  }

  private static void expGrad(float[] x, float[] g, float[] y, int n) {
    VectorMath.exp(x, 1, 0, y, 0, n);
    BinaryMaps.multiply(y, g, y, n);
  }

  private static void sigmoid(float[] x, float[] y, int n) {
    VectorMath.exp(x, -1, 0, y, 0, n);
    for (int i = 0; i < n; i++) {
      y[i] = 1 / (1 + y[i]);
    }
  }

  /** {@code g·factor·sigmoid′(scale·x)}; tanh is a sigmoid drawn out. */
  private static void sigmoidGrad(float[] x, float[] g, float[] y, int n, float scale, float factor) {
    abs(x, y, n);
    VectorMath.exp(y, -scale, 0, y, 0, n);
    for (int i = 0; i < n; i++) {
      y[i] = g[i] * factor * y[i] / ((1 + y[i]) * (1 + y[i]));
    }
  }

  /** {@code x·sigmoid(linear·x + cubic·x³)}. */
  private static void gate(float[] x, float[] y, int n, float linear, float cubic) {
    for (int i = 0; i < n; i++) {
      y[i] = x[i] * (linear + cubic * x[i] * x[i]);
    }
    VectorMath.exp(y, -1, 0, y, 0, n);
    for (int i = 0; i < n; i++) {
      y[i] = x[i] / (1 + y[i]);
    }
  }

  /**
   * {@code g·(sigmoid(u) + x·sigmoid′(u)·u′)} with {@code u = linear·x + cubic·x³}. Of sigmoid(−|u|), {@code low}, sigmoid(u) is made by
   * arithmetic alone, so that the loop is vectorized.
   */
  private static void gateGrad(float[] x, float[] g, float[] y, int n, float linear, float cubic) {
    for (int i = 0; i < n; i++) {
      y[i] = Math.abs(x[i] * (linear + cubic * x[i] * x[i]));
    }
    VectorMath.exp(y, -1, 0, y, 0, n);
    for (int i = 0; i < n; i++) {
      float low = y[i] / (1 + y[i]);
      float slope = low / (1 + y[i]) * (linear + 3 * cubic * x[i] * x[i]);
      float positive = Math.min(Math.max(x[i] * Float.MAX_VALUE, 0), 1);
      y[i] = g[i] * (positive + (1 - 2 * positive) * low + x[i] * slope);
    }
  }
}
