package dev.tenon.jmh;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.kernel.Elements;
import dev.tenon.engine.op.Ref;
import dev.tenon.engine.op.Spec;
import dev.tenon.kernels.conformance.ErrorBound;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/** Compares results with the definition before anything is timed: what is wrong is not worth timing. */
public final class Check {
  private static final double PEER = 32;

  private Check() {}

  /**
   * Compares parts from the beginning, the middle and the end of {@code results} with the reference in doubles.
   *
   * @throws IllegalStateException naming the first element that is off by more than the op's error bound
   */
  public static void call(OpCall call, List<Tensor> operands, List<Tensor> results) {
    parts(call, operands, results, 1, 0);
  }

  /**
   * The same for another engine, whose arithmetic we do not know: it may be off by {@value #PEER} times our bound, and by as many
   * roundoffs of the largest result, as where a small one is the difference of large ones.
   */
  public static void peer(OpCall call, List<Tensor> operands, List<Tensor> results) {
    parts(call, operands, results, PEER, PEER * DType.F32.roundoff());
  }

  private static void parts(OpCall call, List<Tensor> operands, List<Tensor> results, double slack, double ofLargest) {
    OpCall.Part part = call.part();
    long extent = part.length() == 0 ? 0 : extent(part, operands);
    LongStream.of(0, extent / 2 / Math.max(1, part.length()) * part.length(), extent - part.length()).distinct()
        .forEach(from -> compare(call, cut(operands, part.inputs(), from, part.length()), cut(results, part.outputs(), from, part.length()),
            slack, ofLargest));
  }

  private static long extent(OpCall.Part part, List<Tensor> operands) {
    for (int i = 0; i < operands.size(); i++) {
      if (part.inputs().get(i) >= 0) {
        return operands.get(i).dim(part.inputs().get(i));
      }
    }
    throw new IllegalArgumentException("no operand of " + part.op() + " is cut");
  }

  private static List<Tensor> cut(List<Tensor> whole, List<Integer> axes, long from, int length) {
    List<Tensor> parts = new ArrayList<>();
    for (int i = 0; i < whole.size(); i++) {
      parts.add(length == 0 || axes.get(i) < 0 ? whole.get(i) : whole.get(i).slice(axes.get(i), from, from + length));
    }
    return parts;
  }

  private static void compare(OpCall call, List<Tensor> operands, List<Tensor> results, double slack, double ofLargest) {
    List<Ref> in = operands.stream().map(Elements::unpack).toList();
    List<Ref> expected = call.part().op().infer(in.stream().map(r -> new Spec(r.dtype(), r.shape())).toList()).stream()
        .map(s -> Ref.zeros(s.dtype(), s.shape())).toList();
    call.part().op().reference(in, expected);
    List<double[]> bounds = ErrorBound.of(call.part().op(), in, expected);
    for (int o = 0; o < results.size(); o++) {
      double floor = ofLargest * largest(expected.get(o).v()) + Float.MIN_NORMAL;
      double[] bound = Arrays.stream(bounds.get(o)).map(b -> slack * b + floor).toArray();
      within(call.name(), results.get(o).toDoubles(), expected.get(o).v(), bound);
    }
  }

  private static void within(String what, double[] actual, double[] expected, double[] bound) {
    if (actual.length != expected.length) {
      throw new IllegalStateException(what + ": " + actual.length + " values, but there should be " + expected.length);
    }
    for (int i = 0; i < actual.length; i++) {
      double off = Math.abs(actual[i] - expected[i]);
      if (!(off <= bound[i])) {
        throw new IllegalStateException(
            what + ", element " + i + ": " + actual[i] + " should be " + expected[i] + " ± " + bound[i]);
      }
    }
  }

  /**
   * Compares what a network says with what it should say, up to so many roundings of values as large as the largest.
   *
   * @throws IllegalStateException naming the first element that is off
   */
  public static void near(String what, double[] actual, double[] expected, double roundings) {
    double[] bound = new double[expected.length];
    Arrays.fill(bound, roundings * DType.F32.roundoff() * largest(expected));
    within(what, actual, expected, bound);
  }

  private static double largest(double[] values) {
    return Arrays.stream(values).map(Math::abs).max().orElse(0);
  }
}
