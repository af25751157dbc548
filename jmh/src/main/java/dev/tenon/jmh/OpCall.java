package dev.tenon.jmh;

import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Cost;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Spec;
import dev.tenon.kernels.conformance.ErrorBound;
import dev.tenon.training.bench.Check;
import dev.tenon.training.bench.Draws;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * One call of an op.
 *
 * @param draw the operands, in the current scope
 * @param part what of the result is compared with the reference
 */
public record OpCall(String name, Op op, Function<Draws, List<Tensor>> draw, Check.Part part) implements Workload {
  private static final double PEER = 32;

  /** The operands, always the same values, in the current scope. */
  public List<Tensor> operands() {
    return draw.apply(new Draws(DType.F32));
  }

  /** Holds {@code results} to the op's error bound in the conformance suite. */
  void check(List<Tensor> operands, List<Tensor> results) {
    Check.parts(part, operands, results, bounds(1, 0));
  }

  /**
   * The same for another engine, whose arithmetic we do not know: it may be off by {@value #PEER} times our bound, and by as many
   * roundoffs of the largest result, as where a small one is the difference of large ones.
   */
  public void checkPeer(List<Tensor> operands, List<Tensor> results) {
    Check.parts(part, operands, results, bounds(PEER, PEER * DType.F32.roundoff()));
  }

  private static Check.Bounds bounds(double slack, double ofLargest) {
    return (called, inputs, expected) -> {
      List<double[]> bounds = ErrorBound.of(called, inputs, expected);
      return IntStream.range(0, bounds.size()).mapToObj(o -> {
        double floor = ofLargest * Arrays.stream(expected.get(o).v()).map(Math::abs).max().orElse(0) + Float.MIN_NORMAL;
        return Arrays.stream(bounds.get(o)).map(b -> slack * b + floor).toArray();
      }).toList();
    };
  }

  @Override
  public Cost cost() {
    try (HostBackend backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      List<Spec> specs = operands().stream().map(t -> new Spec(t.dtype(), t.shape())).toList();
      return op.cost(specs, op.infer(specs));
    }
  }
}
