package dev.tenon.kernels.conformance;

import static dev.tenon.kernels.conformance.ErrorBound.SLACK;
import static dev.tenon.kernels.conformance.ErrorBound.U;

import dev.tenon.engine.op.AdamW;
import dev.tenon.engine.op.Average;
import dev.tenon.engine.op.OptimizerStep;
import dev.tenon.engine.op.Ref;
import dev.tenon.engine.op.Sgd;
import java.util.ArrayList;
import java.util.List;

/** Bounds for optimizer steps: constants rounded once each, sums of terms that may cancel. */
final class UpdateBound {
  private UpdateBound() {}

  static List<double[]> of(OptimizerStep step, List<Ref> in) {
    double[] rates = in.get(OptimizerStep.RATES).v();
    List<double[]> bounds = new ArrayList<>();
    for (int i = 0; i < step.parameters(in.size()); i++) {
      List<Ref> own = in.subList(step.input(i, 0), step.input(i + 1, 0));
      bounds.addAll(switch (step) {
        case AdamW op -> of(op, rates, own);
        case Sgd op -> of(op, rates, own);
        case Average _ -> of(rates[0], own);
      });
    }
    return bounds;
  }

  private static List<double[]> of(AdamW op, double[] rates, List<Ref> in) {
    List<double[]> bounds = new ArrayList<>();
    for (int i = 0; i < op.slots() + 1; i++) {
      bounds.add(new double[in.getFirst().size()]);
    }
    double lr = op.scale() * Math.abs(rates[0]);
    double stepSize = op.scale() * Math.abs(rates[1]);
    double correction = rates[2];
    double shrink = op.decoupled() ? lr * op.weightDecay() : 0;
    for (int i = 0; i < in.getFirst().size(); i++) {
      double p = Math.abs(in.get(0).v()[i]);
      double g = Math.abs(rates[3] * in.get(1).v()[i]) + (op.decoupled() ? 0 : op.weightDecay() * p);
      double mean = op.beta1() * Math.abs(in.get(2).v()[i]) + (1 - op.beta1()) * g;
      double square = op.beta2() * in.get(3).v()[i] + (1 - op.beta2()) * g * g;
      double offSquare = 12 * U * square;
      double kept = op.beta2() * in.get(3).v()[i];
      double bound = op.amsgrad() ? Math.max(kept, in.get(4).v()[i]) : kept;
      double root = Math.sqrt(bound) / correction + op.eps();
      double relative = offSquare / (2 * bound) + 8 * U;
      double update = stepSize * mean / root;
      bounds.get(0)[i] = SLACK * ((7 * U + relative) * update + 4 * U * (p + shrink * p + update));
      bounds.get(1)[i] = SLACK * 7 * U * mean;
      bounds.get(2)[i] = SLACK * offSquare;
      if (op.amsgrad()) {
        bounds.get(3)[i] = SLACK * offSquare;
      }
    }
    return bounds;
  }

  private static List<double[]> of(Sgd op, double[] rates, List<Ref> in) {
    double[] p = new double[in.getFirst().size()];
    double[] buffer = new double[p.length];
    for (int i = 0; i < p.length; i++) {
      double value = Math.abs(in.get(0).v()[i]);
      double g = Math.abs(rates[2] * in.get(1).v()[i]) + op.weightDecay() * value;
      double next = 0;
      if (op.momentum() != 0) {
        next = op.momentum() * Math.abs(in.get(2).v()[i]) + Math.abs(rates[1]) * g;
      }
      buffer[i] = SLACK * 7 * U * next;
      p[i] = SLACK * U * (2 * value + 13 * op.scale() * Math.abs(rates[0]) * (g + next));
    }
    return op.momentum() == 0 ? List.of(p) : List.of(p, buffer);
  }

  private static List<double[]> of(double rate, List<Ref> in) {
    double[] average = new double[in.getFirst().size()];
    for (int i = 0; i < average.length; i++) {
      double value = Math.abs(in.get(0).v()[i]);
      average[i] = SLACK * U * (2 * value + 4 * rate * (value + Math.abs(in.get(1).v()[i])));
    }
    return List.of(average);
  }
}
