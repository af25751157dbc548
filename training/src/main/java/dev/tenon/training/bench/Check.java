package dev.tenon.training.bench;

import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.kernel.Elements;
import dev.tenon.engine.op.Op;
import dev.tenon.engine.op.Ref;
import dev.tenon.engine.op.Spec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Compares results with the definition in doubles before anything is timed: what is wrong is not worth timing. */
public final class Check {
  private Check() {}

  /**
   * A part of a result that can be computed by itself: all of a large one in doubles would take far longer than what is timed.
   *
   * @param op what computes it
   * @param inputs the dimension along which each operand is cut, −1 where it is taken whole
   * @param outputs the same for the results
   * @param length of a cut; 0 when nothing is cut
   */
  public record Part(Op op, List<Integer> inputs, List<Integer> outputs, long length) {
    /** The first operand and every result are cut along their first dimension. */
    public static Part byRows(Op op, int operands, int results, long length) {
      List<Integer> in = new ArrayList<>(Collections.nCopies(operands, -1));
      in.set(0, 0);
      return new Part(op, in, Collections.nCopies(results, 0), length);
    }

    /** Every operand and every result is cut along its first dimension. */
    public static Part byAll(Op op, int operands, int results, long length) {
      return new Part(op, Collections.nCopies(operands, 0), Collections.nCopies(results, 0), length);
    }

    /** All of it. */
    public static Part whole(Op op, int operands, int results) {
      return new Part(op, Collections.nCopies(operands, -1), Collections.nCopies(results, -1), 0);
    }

    /** Where the parts begin that are compared: the first, one in the middle, and the last. */
    private LongStream places(List<Tensor> operands) {
      if (length == 0) {
        return LongStream.of(0);
      }
      int cut = IntStream.range(0, operands.size()).filter(i -> inputs.get(i) >= 0).findFirst()
          .orElseThrow(() -> new IllegalArgumentException("no operand of " + op + " is cut"));
      long extent = operands.get(cut).dim(inputs.get(cut));
      return LongStream.of(0, extent / 2 / length * length, extent - length).distinct();
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

  /** Says how far each element of each result of an op may be off. */
  @FunctionalInterface
  public interface Bounds {
    List<double[]> of(Op op, List<Ref> inputs, List<Ref> expected);

    /** The same for all elements of a result: {@code share} of its largest. */
    static Bounds ofLargest(double share) {
      return (_, _, expected) -> expected.stream().map(r -> alike(r.v(), share)).toList();
    }
  }

  /**
   * Holds the results of an op to its reference, which computes in doubles.
   *
   * @throws MismatchException naming the first element that is wrong
   */
  public static void parts(Part part, List<Tensor> operands, List<Tensor> results, Bounds bounds) {
    part.places(operands).forEach(from -> {
      try (Scope _ = Scope.open(); Tape _ = Tape.pause()) {
        List<Ref> inputs = part.cut(operands, part.inputs(), from).stream().map(t -> Elements.unpack(t.contiguous())).toList();
        List<Ref> expected = part.op().infer(inputs.stream().map(r -> new Spec(r.dtype(), r.shape())).toList()).stream()
            .map(s -> Ref.zeros(s.dtype(), s.shape())).toList();
        part.op().reference(inputs, expected);
        List<double[]> most = bounds.of(part.op(), inputs, expected);
        List<Tensor> actual = part.cut(results, part.outputs(), from);
        for (int o = 0; o < actual.size(); o++) {
          within("result " + o + " of " + part.op(), actual.get(o).contiguous().toDoubles(), expected.get(o).v(), most.get(o));
        }
      }
    });
  }

  /** What {@code work} comes to in plain loops over doubles. */
  public static <T> T onReference(Function<HostBackend, T> work) {
    try (HostBackend host = HostBackend.reference(); Scope _ = Scope.open(host); Tape _ = Tape.pause()) {
      return work.apply(host);
    }
  }

  /**
   * Compares numbers of one kind, which may be off by {@code share} of the largest.
   *
   * @throws MismatchException naming the first that is wrong
   */
  public static void near(String what, double[] actual, double[] expected, double share) {
    within(what, actual, expected, alike(expected, share));
  }

  /**
   * Compares numbers of one kind together, for what jumps where rounding moves something across a kink: the norm of what they are off by
   * may be {@code share} of theirs.
   *
   * @throws MismatchException saying by how much they are off
   */
  public static void nearTogether(String what, double[] actual, double[] expected, double share) {
    if (actual.length != expected.length) {
      throw new MismatchException(what + ": " + actual.length + " values, but there should be " + expected.length);
    }
    double off = 0;
    double right = 0;
    for (int i = 0; i < actual.length; i++) {
      off += (actual[i] - expected[i]) * (actual[i] - expected[i]);
      right += expected[i] * expected[i];
    }
    if (!(Math.sqrt(off) <= share * Math.sqrt(right))) {
      throw new MismatchException(what + ": off by " + Math.sqrt(off / right) + " of its norm, which should be at most " + share);
    }
  }

  private static double[] alike(double[] expected, double share) {
    double[] bound = new double[expected.length];
    Arrays.fill(bound, share * Arrays.stream(expected).map(Math::abs).max().orElse(0));
    return bound;
  }

  private static void within(String what, double[] actual, double[] expected, double[] bound) {
    if (actual.length != expected.length) {
      throw new MismatchException(what + ": " + actual.length + " values, but there should be " + expected.length);
    }
    for (int i = 0; i < actual.length; i++) {
      if (!(Math.abs(actual[i] - expected[i]) <= bound[i])) {
        throw new MismatchException(what + ", element " + i + ": " + actual[i] + " should be " + expected[i] + " ± " + bound[i]);
      }
    }
  }
}
