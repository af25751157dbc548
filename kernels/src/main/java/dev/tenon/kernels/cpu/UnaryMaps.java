package dev.tenon.kernels.cpu;

import dev.tenon.engine.op.Unary;
import dev.tenon.engine.op.UnaryGrad;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The functions of {@link Unary} and their derivatives on arrays. Plain loops are those the compiler vectorizes by itself; functions
 * without a loop of their own are computed by their definition.
 */
final class UnaryMaps {
  private UnaryMaps() {}

  static Rows.Body of(Unary op) {
    float a = (float) op.a();
    float b = (float) op.b();
    return switch (op.fn()) {
      case AFFINE -> (in, out, n) -> affine(in[0], out[0], n, a, b);
      case EXP -> (in, out, n) -> exp(in[0], out[0], n);
      case SQRT -> (in, out, n) -> sqrt(in[0], out[0], n);
      case RSQRT -> (in, out, n) -> rsqrt(in[0], out[0], n);
      case SQUARE -> (in, out, n) -> BinaryMaps.multiply(in[0], in[0], out[0], n);
      case RECIPROCAL -> (in, out, n) -> reciprocal(in[0], out[0], n);
      case ABS -> (in, out, n) -> abs(in[0], out[0], n);
      case CLAMP -> (in, out, n) -> clamp(in[0], out[0], n, a, b);
      case RELU -> (in, out, n) -> leakyRelu(in[0], out[0], n, 0);
      case RELU6 -> (in, out, n) -> clamp(in[0], out[0], n, 0, 6);
      case LEAKY_RELU -> (in, out, n) -> leakyRelu(in[0], out[0], n, a);
      case TANH -> (in, out, n) -> tanh(in[0], out[0], n);
      case SIGMOID -> (in, out, n) -> sigmoid(in[0], out[0], n);
      case SILU -> (in, out, n) -> gate(in[0], out[0], n, 1);
      case QUICK_GELU -> (in, out, n) -> gate(in[0], out[0], n, 1.702f);
      case GELU -> (in, out, n) -> gelu(in[0], out[0], n);
      case GELU_TANH -> (in, out, n) -> geluTanh(in[0], out[0], n);
      default -> (in, out, n) -> define(op, in[0], out[0], n);
    };
  }

  static Rows.Body of(UnaryGrad op) {
    float a = (float) op.a();
    return switch (op.fn()) {
      case AFFINE -> (in, out, n) -> affine(in[1], out[0], n, a, 0);
      case RELU -> (in, out, n) -> leakyReluGrad(in[0], in[1], out[0], n, 0);
      case LEAKY_RELU -> (in, out, n) -> leakyReluGrad(in[0], in[1], out[0], n, a);
      case EXP -> (in, out, n) -> expGrad(in[0], in[1], out[0], n);
      case SIGMOID -> (in, out, n) -> sigmoidGrad(in[0], in[1], out[0], n, 1, 1);
      case TANH -> (in, out, n) -> sigmoidGrad(in[0], in[1], out[0], n, 2, 4);
      case SILU -> (in, out, n) -> gateGrad(in[0], in[1], out[0], n, 1);
      case QUICK_GELU -> (in, out, n) -> gateGrad(in[0], in[1], out[0], n, 1.702f);
      case GELU -> (in, out, n) -> geluGrad(in[0], in[1], out[0], n);
      case GELU_TANH -> (in, out, n) -> geluTanhGrad(in[0], in[1], out[0], n);
      default -> (in, out, n) -> define(op, in[0], in[1], out[0], n);
    };
  }

  private static FloatVector load(float[] x, int i) {
    return FloatVector.fromArray(Simd.F32, x, i);
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

  private static void affine(float[] x, float[] y, int n, float a, float b) {
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

  private static void abs(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i++) {
      y[i] = Math.abs(x[i]);
    }
  }

  private static void clamp(float[] x, float[] y, int n, float low, float high) {
    for (int i = 0; i < n; i++) {
      y[i] = Math.min(Math.max(x[i], low), high);
    }
  }

  private static void leakyRelu(float[] x, float[] y, int n, float slope) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector v = load(x, i);
      v.blend(v.mul(slope), v.lt(0)).intoArray(y, i);
    }
  }

  private static void leakyReluGrad(float[] x, float[] g, float[] y, int n, float slope) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector v = load(g, i);
      v.mul(slope).blend(v, load(x, i).compare(VectorOperators.GT, 0)).intoArray(y, i);
    }
  }

  private static void exp(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i += Simd.LANES) {
      VectorMath.exp(load(x, i)).intoArray(y, i);
    }
  }

  private static void expGrad(float[] x, float[] g, float[] y, int n) {
    for (int i = 0; i < n; i += Simd.LANES) {
      VectorMath.exp(load(x, i)).mul(load(g, i)).intoArray(y, i);
    }
  }

  private static void tanh(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i += Simd.LANES) {
      VectorMath.tanh(load(x, i)).intoArray(y, i);
    }
  }

  private static void sigmoid(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i += Simd.LANES) {
      VectorMath.sigmoid(load(x, i)).intoArray(y, i);
    }
  }

  /** {@code g·factor·sigmoid′(scale·x)}; tanh is a sigmoid drawn out. */
  private static void sigmoidGrad(float[] x, float[] g, float[] y, int n, float scale, float factor) {
    for (int i = 0; i < n; i += Simd.LANES) {
      VectorMath.sigmoidSlope(load(x, i).mul(scale)).mul(factor).mul(load(g, i)).intoArray(y, i);
    }
  }

  /** {@code x·sigmoid(scale·x)}. */
  private static void gate(float[] x, float[] y, int n, float scale) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector v = load(x, i);
      VectorMath.sigmoid(v.mul(scale)).mul(v).intoArray(y, i);
    }
  }

  private static void gateGrad(float[] x, float[] g, float[] y, int n, float scale) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector v = load(x, i).mul(scale);
      VectorMath.sigmoidSlope(v).fma(v, VectorMath.sigmoid(v)).mul(load(g, i)).intoArray(y, i);
    }
  }

  private static void gelu(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i += Simd.LANES) {
      VectorMath.gelu(load(x, i)).intoArray(y, i);
    }
  }

  private static void geluGrad(float[] x, float[] g, float[] y, int n) {
    for (int i = 0; i < n; i += Simd.LANES) {
      VectorMath.geluSlope(load(x, i)).mul(load(g, i)).intoArray(y, i);
    }
  }

  private static void geluTanh(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector v = load(x, i);
      VectorMath.sigmoid(VectorMath.tanhArgument(v)).mul(v).intoArray(y, i);
    }
  }

  private static void geluTanhGrad(float[] x, float[] g, float[] y, int n) {
    for (int i = 0; i < n; i += Simd.LANES) {
      FloatVector v = load(x, i);
      FloatVector u = VectorMath.tanhArgument(v);
      FloatVector slope = VectorMath.sigmoidSlope(u).mul(VectorMath.tanhArgumentSlope(v));
      slope.fma(v, VectorMath.sigmoid(u)).mul(load(g, i)).intoArray(y, i);
    }
  }
}
