package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import java.util.List;

/**
 * The lines of a row-major tensor along one dimension, for ops that work on each line by itself.
 *
 * @param length elements in a line
 * @param inner distance between neighbours in a line
 * @param count number of lines
 */
record Lanes(int length, int inner, int count) {
  static Lanes of(Shape shape, int axis) {
    int a = shape.axis(axis);
    int length = (int) shape.dim(a);
    int inner = (int) shape.product(a + 1, shape.rank());
    return new Lanes(length, inner, (int) shape.product(0, a) * inner);
  }

  /** Checks the one floating operand of an op along {@code axis}. */
  static Spec operand(Op op, List<Spec> inputs, int axis) {
    Spec x = Check.count(op, inputs, 1).getFirst();
    return checked(op, x, axis);
  }

  /** Checks the operands (y, gradOutput) of a gradient along {@code axis}. */
  static Spec gradientOperands(Op op, List<Spec> inputs, int axis) {
    Spec y = Check.count(op, inputs, 2).getFirst();
    Check.that(inputs.get(1).equals(y), op, "gradOutput", y.toString(), inputs.get(1));
    return checked(op, y, axis);
  }

  private static Spec checked(Op op, Spec x, int axis) {
    Check.floating(op, "x", x);
    axis(op, axis, "x", x);
    return x;
  }

  /** The axis counted from the first, or an exception that names the op and its operand. */
  static int axis(Op op, int axis, String operand, Spec given) {
    Check.that(axis < given.rank() && axis >= -given.rank(), op, operand, "of a rank that has dimension " + axis, given);
    return given.shape().axis(axis);
  }

  /** Index of element {@code i} of line {@code lane}. */
  int at(int lane, int i) {
    return (lane / inner * length + i) * inner + lane % inner;
  }

  double logSumExp(double[] x, int lane) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < length; i++) {
      max = Math.max(max, x[at(lane, i)]);
    }
    double sum = 0;
    for (int i = 0; i < length; i++) {
      sum += Math.exp(x[at(lane, i)] - max);
    }
    return max + Math.log(sum);
  }
}
