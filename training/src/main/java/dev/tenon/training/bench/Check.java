package dev.tenon.training.bench;

import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.op.Op;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/** Compares results with the definition in doubles. */
final class Check {
  private Check() {}

  /**
   * A part of a result that can be computed by itself: all of a large one in doubles would take far longer than what is timed.
   *
   * @param op what computes it
   * @param inputs the dimension along which each operand is cut, −1 where it is taken whole
   * @param outputs the same for the results
   * @param length of a cut; 0 when nothing is cut
   */
  record Part(Op op, List<Integer> inputs, List<Integer> outputs, long length) {
    /** The beginnings of the parts that are compared: the first and the last. */
    private Set<Long> places(List<Tensor> operands) {
      for (int i = 0; i < operands.size() && length > 0; i++) {
        if (inputs.get(i) >= 0) {
          return new LinkedHashSet<>(List.of(0L, operands.get(i).dim(inputs.get(i)) - length));
        }
      }
      return Set.of(0L);
    }

    private List<Tensor> cut(List<Tensor> whole, List<Integer> axes, long from) {
      List<Tensor> parts = new ArrayList<>();
      for (int i = 0; i < whole.size(); i++) {
        boolean all = length == 0 || axes.get(i) < 0;
        parts.add(all ? whole.get(i) : whole.get(i).slice(axes.get(i), from, from + length));
      }
      return parts;
    }
  }

  /**
   * Holds the results of an op to its reference, which computes in doubles and rounds at the end as the results are.
   *
   * @param bound how far an element may be off, as a share of the largest
   */
  static void parts(Part part, List<Tensor> operands, List<Tensor> results, double bound) {
    for (long from : part.places(operands)) {
      try (Scope _ = Scope.open(); Tape _ = Tape.pause()) {
        List<Tensor> inputs = part.cut(operands, part.inputs(), from).stream().map(Tensor::contiguous).toList();
        List<double[]> expected = onReference(host -> part.op()
            .applyAll(inputs.stream().map(t -> t.to(host)).toList()).stream().map(Tensor::toDoubles).toList());
        List<Tensor> actual = part.cut(results, part.outputs(), from);
        for (int o = 0; o < actual.size(); o++) {
          near("result " + o + " of " + part.op(), actual.get(o).contiguous().toDoubles(), expected.get(o), bound);
        }
      }
    }
  }

  /** What {@code work} comes to in plain loops over doubles. */
  static <T> T onReference(Function<HostBackend, T> work) {
    try (HostBackend host = HostBackend.reference(); Scope _ = Scope.open(host); Tape _ = Tape.pause()) {
      return work.apply(host);
    }
  }

  /** Fails on the first element that is off by more than {@code bound} of the largest. */
  static void near(String what, double[] actual, double[] expected, double bound) {
    double largest = Arrays.stream(expected).map(Math::abs).max().orElse(0);
    if (actual.length != expected.length) {
      throw new Mismatch(what + ": " + actual.length + " values, but there should be " + expected.length);
    }
    for (int i = 0; i < actual.length; i++) {
      if (!(Math.abs(actual[i] - expected[i]) <= bound * largest)) {
        throw new Mismatch(what + ", element " + i + ": " + actual[i] + " should be " + expected[i] + " ± " + bound * largest);
      }
    }
  }
}
