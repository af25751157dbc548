package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The cross-entropy of each sample against its label: {@code −Σ q·log softmax(x)} with
 * {@code q = w·((1 − labelSmoothing)·onehot + labelSmoothing/classes)}; 0 where the label is {@code ignoreIndex}.
 *
 * <p>Operands: x {@code [N, classes, ...]}, target (I64) {@code [N, ...]} and, under {@code weighted}, the weights w
 * {@code [classes]} → {@code [N, ...]}.
 */
public record CrossEntropy(double labelSmoothing, long ignoreIndex, boolean weighted) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, weighted ? 3 : 2);
    return List.of(check(this, inputs, weighted));
  }

  /** Checks x, target and weights; answers what a sample's loss looks like. */
  static Spec check(Op op, List<Spec> inputs, boolean weighted) {
    Spec x = inputs.get(0);
    Check.floating(op, "x", x);
    Check.that(x.rank() >= 2, op, "x", "[N, classes, ...]", x);
    Spec target = new Spec(DType.I64, x.shape().without(1));
    Check.that(inputs.get(1).equals(target), op, "target", target.toString(), inputs.get(1));
    if (weighted) {
      Spec weight = x.with(Shape.of(x.dim(1)));
      Check.that(inputs.get(2).equals(weight), op, "weight", weight.toString(), inputs.get(2));
    }
    return x.with(target.shape());
  }

  /** What the loss takes −log softmax by, class after class, for a sample with this label; null for one to ignore. */
  double[] shares(Op op, double label, Ref x, List<Ref> inputs) {
    if (label == ignoreIndex) {
      return null;
    }
    int classes = x.dim(1);
    double[] shares = new double[classes];
    Arrays.fill(shares, labelSmoothing / classes);
    shares[Gather.bounded(op, label, classes)] += 1 - labelSmoothing;
    for (int c = 0; weighted && c < classes; c++) {
      shares[c] *= inputs.get(2).v()[c];
    }
    return shares;
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref x = inputs.getFirst();
    Lanes lanes = Lanes.of(x.shape(), 1);
    for (int sample = 0; sample < lanes.count(); sample++) {
      double[] shares = shares(this, inputs.get(1).v()[sample], x, inputs);
      if (shares == null) {
        continue;
      }
      double lse = lanes.logSumExp(x.v(), sample);
      double loss = 0;
      for (int c = 0; c < shares.length; c++) {
        loss += shares[c] == 0 ? 0 : shares[c] * (lse - x.v()[lanes.at(sample, c)]);
      }
      outputs.getFirst().v()[sample] = loss;
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    List<Tensor> operands = new ArrayList<>(call.inputs());
    operands.add(call.gradOutput());
    Tensor gradX = new CrossEntropyGrad(this).applyAll(operands).getFirst();
    return weighted ? Arrays.asList(gradX, null, null) : Arrays.asList(gradX, null);
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(5.0 * inputs.getFirst().shape().size(), inputs, outputs);
  }
}
