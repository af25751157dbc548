package dev.tenon.engine.op;

import java.util.ArrayList;
import java.util.List;

/**
 * The gradient of {@link LayerNorm} through y. Operands: gradOutput, x, mean, rstd and, under {@code affine}, weight. Results: gradX
 * and, under {@code affine}, gradWeight and gradBias.
 */
public record LayerNormGrad(int dims, boolean affine) implements NoGradient {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, affine ? 5 : 4);
    Spec x = inputs.get(1);
    Check.that(dims >= 1 && x.rank() >= dims, this, "x", "of rank " + dims + " or more", x);
    Check.that(inputs.getFirst().equals(x), this, "gradOutput", x.toString(), inputs.getFirst());
    Spec statistic = x.with(x.shape().slice(0, x.rank() - dims));
    Check.that(inputs.get(2).equals(statistic), this, "mean", statistic.toString(), inputs.get(2));
    Check.that(inputs.get(3).equals(statistic), this, "rstd", statistic.toString(), inputs.get(3));
    List<Spec> results = new ArrayList<>(List.of(x));
    if (affine) {
      Spec normalized = x.with(x.shape().slice(x.rank() - dims, x.rank()));
      Check.that(inputs.get(4).equals(normalized), this, "weight", normalized.toString(), inputs.get(4));
      results.add(normalized);
      results.add(normalized);
    }
    return results;
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] g = inputs.get(0).v();
    double[] x = inputs.get(1).v();
    int rows = inputs.get(2).size();
    int n = rows == 0 ? 0 : x.length / rows;
    for (int row = 0; row < rows; row++) {
      double mean = inputs.get(2).v()[row];
      double rstd = inputs.get(3).v()[row];
      double sum = 0;
      double dot = 0;
      for (int i = 0; i < n; i++) {
        double normalized = (x[row * n + i] - mean) * rstd;
        double scaled = affine ? g[row * n + i] * inputs.get(4).v()[i] : g[row * n + i];
        sum += scaled / n;
        dot += scaled * normalized / n;
        if (affine) {
          outputs.get(1).v()[i] += g[row * n + i] * normalized;
          outputs.get(2).v()[i] += g[row * n + i];
        }
      }
      for (int i = 0; i < n; i++) {
        double normalized = (x[row * n + i] - mean) * rstd;
        double scaled = affine ? g[row * n + i] * inputs.get(4).v()[i] : g[row * n + i];
        outputs.get(0).v()[row * n + i] = rstd * (scaled - sum - normalized * dot);
      }
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(12.0 * inputs.getFirst().shape().size(), inputs, outputs);
  }
}
