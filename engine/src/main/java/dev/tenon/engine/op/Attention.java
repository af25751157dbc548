package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * Scaled dot-product attention, {@code softmax(scale·q·kᵀ + bias)·v} for each head. Operands: q [B, Nq, H, d], k and v [B, Nk, H, d]
 * and, under {@code bias}, an additive bias that broadcasts to [B, H, Nq, Nk] (a mask is a bias of 0 and −∞); one for fewer batches than
 * B, of which B is a multiple, is used again and again, as the windows of one image are in all images. Under {@code causal} query i sees
 * keys 0 … i. Results: o [B, Nq, H, d] and lse [B, H, Nq], the logarithm of each row's sum of exponentials. A row that
 * sees nothing is zero.
 */
public record Attention(double scale, boolean causal, boolean bias) implements ByProducts {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, bias ? 4 : 3);
    Spec q = inputs.get(0);
    check(this, q, inputs.get(1), inputs.get(2));
    if (bias) {
      checkBias(this, q, inputs.get(1), inputs.get(3));
    }
    return List.of(q, q.with(Shape.of(q.dim(0), q.dim(2), q.dim(1))));
  }

  static void check(Op op, Spec q, Spec k, Spec v) {
    Check.floating(op, "q", q);
    Check.rank(op, "q", 4, q);
    Spec expected = q.with(q.shape().with(1, k.rank() == 4 ? k.dim(1) : 0));
    Check.that(k.equals(expected), op, "k", "[" + q.dim(0) + ", Nk, " + q.dim(2) + ", " + q.dim(3) + "] " + q.dtype(), k);
    Check.that(v.equals(k), op, "v", k.toString(), v);
  }

  static void checkBias(Op op, Spec q, Spec k, Spec bias) {
    Shape scores = Shape.of(q.dim(0), q.dim(2), q.dim(1), k.dim(1));
    Check.dtype(op, "bias", q.dtype(), bias);
    long own = biases(bias.shape());
    Check.that((own > 0 ? scores.dim(0) % own == 0 : scores.dim(0) == 0) && bias.shape().broadcastsTo(scores.with(0, own)), op, "bias",
        "of a shape that broadcasts to " + scores + ", or to that of a part of its batches", bias);
  }

  /** How many batches have a bias of their own, [that many, H, Nq, Nk]; batch b has that of b modulo it. */
  public static long biases(Shape bias) {
    return bias.rank() == 4 ? bias.dim(0) : 1;
  }

  /** The shape of scores [B, H, Nq, Nk] as one to which their bias broadcasts. */
  public static Shape groupedByBias(Shape scores, Shape bias) {
    long own = biases(bias);
    return own <= 1 || own == scores.dim(0) ? scores : scores.with(0, own).insert(0, scores.dim(0) / own);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    AttentionRows rows = AttentionRows.of(inputs, scale, causal, bias ? inputs.get(3) : null);
    double[] v = inputs.get(2).v();
    double[] score = new double[rows.keys()];
    for (int row = 0; row < rows.count(); row++) {
      double lse = rows.scores(row, score);
      outputs.get(1).v()[row] = lse;
      for (int j = 0; j < score.length && lse != Double.NEGATIVE_INFINITY; j++) {
        double p = Math.exp(score[j] - lse);
        for (int c = 0; c < rows.headDim(); c++) {
          outputs.get(0).v()[rows.query(row) + c] += p * v[rows.key(row, j) + c];
        }
      }
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    List<Tensor> operands = new ArrayList<>(List.of(call.gradOutput()));
    call.inputs().subList(0, 3).forEach(t -> operands.add(t.detach()));
    call.outputs().forEach(t -> operands.add(t.detach()));
    if (bias) {
      operands.add(call.input(3).detach());
    }
    return new AttentionGrad(scale, causal, bias).applyAll(operands);
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(4.0 * inputs.get(0).shape().size() * inputs.get(1).dim(1), inputs, outputs);
  }
}
