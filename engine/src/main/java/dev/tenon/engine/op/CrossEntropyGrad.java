package dev.tenon.engine.op;

import java.util.List;

/** The gradient of {@link CrossEntropy} for x. Operands: those of the loss, then gradOutput. */
public record CrossEntropyGrad(CrossEntropy loss) implements NoGradient {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, loss.weighted() ? 4 : 3);
    Spec y = CrossEntropy.check(this, inputs, loss.weighted());
    Check.that(inputs.getLast().equals(y), this, "gradOutput", y.toString(), inputs.getLast());
    return List.of(inputs.getFirst());
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref x = inputs.getFirst();
    Lanes lanes = Lanes.of(x.shape(), 1);
    for (int sample = 0; sample < lanes.count(); sample++) {
      double[] shares = loss.shares(this, inputs.get(1).v()[sample], x, inputs);
      if (shares == null) {
        continue;
      }
      double lse = lanes.logSumExp(x.v(), sample);
      double total = 0;
      for (double share : shares) {
        total += share;
      }
      double g = inputs.getLast().v()[sample];
      for (int c = 0; c < shares.length; c++) {
        int at = lanes.at(sample, c);
        outputs.getFirst().v()[at] = g * (total * Math.exp(x.v()[at] - lse) - shares[c]);
      }
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(6.0 * inputs.getFirst().shape().size(), inputs, outputs);
  }
}
