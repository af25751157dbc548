package dev.tenon.training.bench;

import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Linear;
import dev.tenon.engine.op.LoraLinear;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Spec;
import java.util.List;
import java.util.function.Function;

/**
 * One call of an op.
 *
 * @param draw the operands
 * @param part what of the result is compared with the reference
 * @param stages times that something is rounded to the type of the operands on the way to a result
 * @param sums additions one after another on that way
 */
record OpWork(String name, Op op, Function<Draws, List<Tensor>> draw, Check.Part part, int stages, double sums) implements Workload {
  /** Only products have factors to split. */
  @Override
  public boolean in(Arithmetic arithmetic) {
    return arithmetic != Arithmetic.SPLIT || op instanceof Linear || op instanceof LoraLinear;
  }

  @Override
  public Prepared prepare(Arithmetic arithmetic) {
    List<Tensor> operands = operands(arithmetic);
    try (Scope _ = Scope.open()) {
      Check.parts(part, operands, op.applyAll(operands), Check.Bounds.ofLargest(arithmetic.bound(stages, sums)));
    }
    return prepared(operands);
  }

  /** As {@link #prepare}, of what is checked elsewhere. */
  Prepared unchecked(Arithmetic arithmetic) {
    return prepared(operands(arithmetic));
  }

  private List<Tensor> operands(Arithmetic arithmetic) {
    return draw.apply(new Draws(arithmetic.dtype()));
  }

  private Prepared prepared(List<Tensor> operands) {
    List<Spec> specs = operands.stream().map(t -> new Spec(t.dtype(), t.shape())).toList();
    return new Prepared(op.cost(specs, op.infer(specs)), () -> op.applyAll(operands));
  }
}
