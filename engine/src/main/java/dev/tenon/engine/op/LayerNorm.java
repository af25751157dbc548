package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code (x − mean)·rstd·weight + bias} over the last {@code dims} dimensions, with the biased variance. Operands: x and, under
 * {@code affine}, weight and bias of the normalized shape. Results: y and, as by-products without those dimensions, mean and
 * rstd.
 */
public record LayerNorm(int dims, boolean affine, double eps) implements ByProducts {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, affine ? 3 : 1);
    Spec x = inputs.getFirst();
    Check.floating(this, "x", x);
    Check.that(dims >= 1 && x.rank() >= dims, this, "x", "of rank " + dims + " or more", x);
    Spec normalized = x.with(x.shape().slice(x.rank() - dims, x.rank()));
    for (int i = 1; i < inputs.size(); i++) {
      Check.that(inputs.get(i).equals(normalized), this, i == 1 ? "weight" : "bias", normalized.toString(), inputs.get(i));
    }
    Spec statistic = x.with(x.shape().slice(0, x.rank() - dims));
    return List.of(x, statistic, statistic);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] x = inputs.getFirst().v();
    Shape shape = inputs.getFirst().shape();
    int n = (int) shape.product(shape.rank() - dims, shape.rank());
    double[] y = outputs.get(0).v();
    for (int row = 0; row < outputs.get(1).size(); row++) {
      double mean = 0;
      for (int i = 0; i < n; i++) {
        mean += x[row * n + i] / n;
      }
      double variance = 0;
      for (int i = 0; i < n; i++) {
        variance += (x[row * n + i] - mean) * (x[row * n + i] - mean) / n;
      }
      double rstd = 1 / Math.sqrt(variance + eps);
      outputs.get(1).v()[row] = mean;
      outputs.get(2).v()[row] = rstd;
      for (int i = 0; i < n; i++) {
        double normalized = (x[row * n + i] - mean) * rstd;
        y[row * n + i] = affine ? normalized * inputs.get(1).v()[i] + inputs.get(2).v()[i] : normalized;
      }
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    List<Tensor> operands = new ArrayList<>(
        List.of(call.gradOutput(), call.input(0).detach(), call.output(1).detach(), call.output(2).detach()));
    if (affine) {
      operands.add(call.input(1).detach());
    }
    return new LayerNormGrad(dims, affine).applyAll(operands);
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(8.0 * outputs.getFirst().shape().size(), inputs, outputs);
  }
}
