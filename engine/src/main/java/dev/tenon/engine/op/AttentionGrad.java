package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import java.util.ArrayList;
import java.util.List;

/**
 * The gradient of {@link Attention} through o. Operands: gradOutput, q, k, v, o, lse and, under {@code bias}, the bias. Results:
 * gradQ, gradK, gradV and, under {@code bias}, gradBias of the bias' own shape.
 */
public record AttentionGrad(double scale, boolean causal, boolean bias) implements NoGradient {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, bias ? 7 : 6);
    Spec q = inputs.get(1);
    Attention.check(this, q, inputs.get(2), inputs.get(3));
    Check.that(inputs.get(0).equals(q), this, "gradOutput", q.toString(), inputs.get(0));
    Check.that(inputs.get(4).equals(q), this, "o", q.toString(), inputs.get(4));
    Spec lse = q.with(Shape.of(q.dim(0), q.dim(2), q.dim(1)));
    Check.that(inputs.get(5).equals(lse), this, "lse", lse.toString(), inputs.get(5));
    List<Spec> results = new ArrayList<>(inputs.subList(1, 4));
    if (bias) {
      Attention.checkBias(this, q, inputs.get(2), inputs.get(6));
      results.add(inputs.get(6));
    }
    return results;
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    AttentionRows rows = AttentionRows.of(inputs.subList(1, 3), scale, causal, bias ? inputs.get(6) : null);
    double[] g = inputs.get(0).v();
    double[] o = inputs.get(4).v();
    double[] score = new double[rows.keys()];
    for (int row = 0; row < rows.count(); row++) {
      double lse = inputs.get(5).v()[row];
      if (lse == Double.NEGATIVE_INFINITY) {
        continue;
      }
      rows.scores(row, score);
      double delta = 0;
      for (int c = 0; c < rows.headDim(); c++) {
        delta += g[rows.query(row) + c] * o[rows.query(row) + c];
      }
      for (int j = 0; j < score.length; j++) {
        spread(rows, row, j, Math.exp(score[j] - lse), delta, inputs, outputs);
      }
    }
  }

  /** Adds what score (row, j) of probability {@code p} contributes to every gradient. */
  private void spread(
      AttentionRows rows, int row, int j, double p, double delta, List<Ref> inputs, List<Ref> outputs) {
    int qi = rows.query(row);
    int kj = rows.key(row, j);
    double gradP = 0;
    for (int c = 0; c < rows.headDim(); c++) {
      gradP += inputs.get(0).v()[qi + c] * inputs.get(3).v()[kj + c];
      outputs.get(2).v()[kj + c] += p * inputs.get(0).v()[qi + c];
    }
    double gradScore = p * (gradP - delta);
    for (int c = 0; c < rows.headDim(); c++) {
      outputs.get(0).v()[qi + c] += scale * gradScore * inputs.get(2).v()[kj + c];
      outputs.get(1).v()[kj + c] += scale * gradScore * inputs.get(1).v()[qi + c];
    }
    if (bias) {
      outputs.get(3).v()[rows.biasOf(row, j)] += gradScore;
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(10.0 * inputs.get(1).shape().size() * inputs.get(2).dim(1), inputs, outputs);
  }
}
