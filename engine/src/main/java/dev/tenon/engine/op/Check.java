package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import dev.tenon.engine.TenonException;
import java.util.List;

/** Says in one sentence why operands do not fit an op: op, operand, what was expected, what was given. */
public final class Check {
  private Check() {}

  /** Fails unless {@code ok}: "{op}: {operand} must be {expected}, but is {given}". */
  public static void that(boolean ok, Op op, String operand, String expected, Object given) {
    if (!ok) {
      throw new TenonException(op.name() + ": " + operand + " must be " + expected + ", but is " + given);
    }
  }

  /** Fails unless there are {@code count} operands; returns them. */
  public static List<Spec> count(Op op, List<Spec> inputs, int count) {
    that(inputs.size() == count, op, "the number of operands", String.valueOf(count), inputs.size());
    return inputs;
  }

  /** Fails unless {@code operand} holds real numbers. */
  public static void floating(Op op, String operand, Spec given) {
    that(given.dtype().isFloating(), op, operand, "of a floating type", given);
  }

  /** Fails unless {@code operand} has type {@code dtype}. */
  public static void dtype(Op op, String operand, DType dtype, Spec given) {
    that(given.dtype() == dtype, op, operand, "of type " + dtype, given);
  }

  /** Fails unless {@code operand} has exactly {@code rank} dimensions. */
  public static void rank(Op op, String operand, int rank, Spec given) {
    that(given.rank() == rank, op, operand, "of rank " + rank, given);
  }
}
