package dev.tenon.kernels.conformance;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Gradients;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.op.ByProducts;
import dev.tenon.engine.op.NoGradient;
import dev.tenon.engine.op.Ops;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Holds the gradients that a backend computes, through whatever ops they are made of, to those of the definitions, which are checked to be
 * slopes: in F64, where agreement to many digits leaves no room for a term that is missing.
 */
public final class GradientConformance {
  /** A contiguous and a strided call of each op. */
  private static final int DRAWS = 2;
  /** Roundings that may add up on the way through an op and its gradient. */
  private static final double BOUND = 64 * DType.F64.roundoff();

  private GradientConformance() {}

  /** The largest error of any element, as a share of what it may be: of some roundings of the largest element. */
  public static double check(Backend backend, Ops.Entry entry) {
    double worst = 0;
    for (int i = 0; i < DRAWS; i++) {
      List<double[]> actual = gradients(backend, entry, i);
      List<double[]> expected;
      try (Backend definitions = HostBackend.reference()) {
        expected = gradients(definitions, entry, i);
      }
      for (int k = 0; k < expected.size(); k++) {
        worst = Math.max(worst, error(actual.get(k), expected.get(k)));
      }
    }
    return worst;
  }

  private static double error(double[] actual, double[] expected) {
    double largest = 1;
    double error = 0;
    for (int i = 0; i < expected.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i]));
      double off = Double.compare(actual[i], expected[i]) == 0 ? 0 : Math.abs(actual[i] - expected[i]);
      error = Double.isNaN(off) ? Double.POSITIVE_INFINITY : Math.max(error, off);
    }
    return error / (BOUND * largest);
  }

  /** The gradient of every real operand of a call, for a sum of its results in which each element weighs something else. */
  private static List<double[]> gradients(Backend backend, Ops.Entry entry, int draw) {
    List<double[]> gradients = new ArrayList<>();
    try (Scope _ = Scope.open(backend); Tape tape = Tape.record()) {
      Call call = Conformance.draw(entry, draw, DType.F64);
      if (call.op() instanceof NoGradient) {
        return gradients;
      }
      List<Tensor> leaves = call.inputs().stream().map(t -> t.dtype().isFloating() ? t.withGrad() : t).toList();
      List<Tensor> results = call.op().applyAll(leaves);
      Tensor loss = Tensor.scalar(DType.F64, 0);
      for (Tensor result : call.op() instanceof ByProducts ? results.subList(0, 1) : results) {
        if (result.dtype().isFloating()) {
          loss = loss.add(result.cast(DType.F64).mul(weights(result)).sum());
        }
      }
      if (loss.requiresGrad()) {
        Gradients all = tape.backward(loss);
        leaves.stream().map(all::of).filter(Objects::nonNull).map(Tensor::toDoubles).forEach(gradients::add);
      }
    }
    return gradients;
  }

  private static Tensor weights(Tensor like) {
    double[] weights = new double[(int) like.size()];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = Math.sin(1 + i);
    }
    return Tensor.of(DType.F64, like.shape(), weights);
  }

  /** Checks the device named by the first argument and fails unless all gradients hold and kernels of the device made them. */
  public static void main(String[] args) {
    int failed = 0;
    try (Backend backend = Backends.open(Backends.find(args[0]))) {
      System.out.println(backend.describe());
      for (Ops.Entry entry : Ops.ALL) {
        backend.kernels().resetFallbacks();
        double error = check(backend, entry);
        long onReference = backend.kernels().fallbacks();
        failed += error <= 1 && onReference == 0 ? 0 : 1;
        System.out.printf("%-60s %8.3f of the bound%s%n", entry.name(), error,
            onReference == 0 ? "" : ", " + onReference + " calls on the reference");
      }
      System.out.printf("%d passed, %d failed%n", Ops.ALL.size() - failed, failed);
    }
    System.exit(failed == 0 ? 0 : 1);
  }
}
