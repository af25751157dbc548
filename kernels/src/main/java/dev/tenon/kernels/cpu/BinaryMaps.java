package dev.tenon.kernels.cpu;

import dev.tenon.engine.op.Binary;
import dev.tenon.engine.op.Compare;

/** The functions and relations of two operands on arrays, in plain loops that the compiler vectorizes. */
final class BinaryMaps {
  private BinaryMaps() {}

  static Rows.Body of(Binary.Fn fn) {
    return switch (fn) {
      case ADD -> (in, out, n) -> add(in[0], in[1], out[0], n);
      case SUB -> (in, out, n) -> subtract(in[0], in[1], out[0], n);
      case MUL -> (in, out, n) -> multiply(in[0], in[1], out[0], n);
      case DIV -> (in, out, n) -> divide(in[0], in[1], out[0], n);
      case MAX -> (in, out, n) -> max(in[0], in[1], out[0], n);
      case MIN -> (in, out, n) -> min(in[0], in[1], out[0], n);
      case POW -> (in, out, n) -> power(in[0], in[1], out[0], n);
    };
  }

  static Rows.Body of(Compare.Relation relation) {
    return (in, out, n) -> {
      for (int i = 0; i < n; i++) {
        out[0][i] = holds(relation, in[0][i], in[1][i]) ? 1 : 0;
      }
    };
  }

  private static boolean holds(Compare.Relation relation, float x, float y) {
    return switch (relation) {
      case EQ -> x == y;
      case NE -> x != y;
      case LT -> x < y;
      case LE -> x <= y;
      case GT -> x > y;
      case GE -> x >= y;
    };
  }

  static void where(float[] condition, float[] x, float[] y, float[] out, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = condition[i] != 0 ? x[i] : y[i];
    }
  }

  static void add(float[] x, float[] y, float[] out, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = x[i] + y[i];
    }
  }

  private static void subtract(float[] x, float[] y, float[] out, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = x[i] - y[i];
    }
  }

  static void multiply(float[] x, float[] y, float[] out, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = x[i] * y[i];
    }
  }

  private static void divide(float[] x, float[] y, float[] out, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = x[i] / y[i];
    }
  }

  static void max(float[] x, float[] y, float[] out, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = Math.max(x[i], y[i]);
    }
  }

  private static void min(float[] x, float[] y, float[] out, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = Math.min(x[i], y[i]);
    }
  }

  private static void power(float[] x, float[] y, float[] out, int n) {
    for (int i = 0; i < n; i++) {
      out[i] = (float) Math.pow(x[i], y[i]);
    }
  }
}
