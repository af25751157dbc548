package dev.tenon.engine.op;

import java.util.List;

/**
 * The work an op cannot avoid.
 *
 * @param flops floating-point operations (a multiply-add is two)
 * @param bytes operands read once plus results written once
 */
public record Cost(double flops, double bytes) {
  /** {@code flops} operations, and each operand and result moved once. */
  public static Cost of(double flops, List<Spec> inputs, List<Spec> outputs) {
    double bytes = 0;
    for (Spec s : inputs) {
      bytes += s.bytes();
    }
    for (Spec s : outputs) {
      bytes += s.bytes();
    }
    return new Cost(flops, bytes);
  }

  /** No arithmetic and nothing moved. */
  public static final Cost NONE = new Cost(0, 0);
}
