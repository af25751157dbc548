package dev.tenon.jmh;

import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Cost;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Spec;
import dev.tenon.engine.random.Philox;
import java.util.List;
import java.util.function.Function;

/**
 * One call of an op.
 *
 * @param draw the operands out of random numbers, in the current scope
 * @param part what of the result is compared with the reference
 */
public record OpCall(String name, Op op, Function<Philox, List<Tensor>> draw, Part part) implements Workload {
  /**
   * A call whose result is a part of the whole: all of a large one in doubles would take far longer than what is timed.
   *
   * @param op what computes the part
   * @param inputs the dimension along which each operand is cut, −1 where it is taken whole
   * @param outputs the same for the results
   * @param length of a cut; 0 when nothing is cut
   */
  public record Part(Op op, List<Integer> inputs, List<Integer> outputs, int length) {}

  /** The operands, always the same values, in the current scope. */
  public List<Tensor> operands() {
    return draw.apply(Philox.of(3).split(name));
  }

  @Override
  public Cost cost() {
    try (HostBackend backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      List<Spec> specs = operands().stream().map(t -> new Spec(t.dtype(), t.shape())).toList();
      return op.cost(specs, op.infer(specs));
    }
  }
}
