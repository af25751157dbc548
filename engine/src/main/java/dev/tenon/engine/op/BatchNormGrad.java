package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import java.util.List;

/**
 * The gradient of {@link BatchNorm} through y. Operands: gradOutput, x, mean, variance, weight. Results: gradX, gradWeight, gradBias.
 */
public record BatchNormGrad(double eps) implements NoGradient {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, 5);
    Spec x = inputs.get(1);
    Check.that(x.rank() >= 2, this, "x", "[N, C, ...]", x);
    Check.that(inputs.getFirst().equals(x), this, "gradOutput", x.toString(), inputs.getFirst());
    Spec channels = x.with(Shape.of(x.dim(1)));
    List<String> names = List.of("mean", "variance", "weight");
    for (int i = 0; i < names.size(); i++) {
      Check.that(inputs.get(2 + i).equals(channels), this, names.get(i), channels.toString(), inputs.get(2 + i));
    }
    return List.of(x, channels, channels);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] g = inputs.get(0).v();
    double[] x = inputs.get(1).v();
    double[] mean = inputs.get(2).v();
    double[] gradWeight = outputs.get(1).v();
    double[] gradBias = outputs.get(2).v();
    Shape shape = inputs.get(1).shape();
    double n = shape.without(1).size();
    int[] channel = BatchNorm.channels(shape);
    double[] rstd = new double[mean.length];
    for (int c = 0; c < rstd.length; c++) {
      rstd[c] = 1 / Math.sqrt(inputs.get(3).v()[c] + eps);
    }
    for (int i = 0; i < x.length; i++) {
      int c = channel[i];
      gradWeight[c] += g[i] * (x[i] - mean[c]) * rstd[c];
      gradBias[c] += g[i];
    }
    for (int i = 0; i < x.length; i++) {
      int c = channel[i];
      double normalized = (x[i] - mean[c]) * rstd[c];
      outputs.get(0).v()[i] =
          inputs.get(4).v()[c] * rstd[c] * (g[i] - gradBias[c] / n - normalized * gradWeight[c] / n);
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(12.0 * inputs.getFirst().shape().size(), inputs, outputs);
  }
}
