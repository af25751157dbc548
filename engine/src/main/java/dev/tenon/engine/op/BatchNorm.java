package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.List;

/**
 * {@code (x − mean)/√(variance + eps)·weight + bias} with the mean and biased variance of each channel over all other dimensions
 * (Ioffe and Szegedy, algorithm 1). Operands: x [N, C, ...], weight [C], bias [C]. Results: y and, as by-products, mean and
 * variance [C]. {@link Normalization#batchNorm} is the layer around it.
 */
public record BatchNorm(double eps) implements ByProducts {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 3).getFirst();
    Check.floating(this, "x", x);
    Check.that(x.rank() >= 2, this, "x", "[N, C, ...]", x);
    Check.that(x.shape().without(1).size() > 0, this, "x", "of at least one element a channel", x);
    Spec channels = x.with(Shape.of(x.dim(1)));
    Check.that(inputs.get(1).equals(channels), this, "weight", channels.toString(), inputs.get(1));
    Check.that(inputs.get(2).equals(channels), this, "bias", channels.toString(), inputs.get(2));
    return List.of(x, channels, channels);
  }

  /** The channel of each element, row-major. */
  static int[] channels(Shape x) {
    return Strides.broadcast(x.slice(1, 2).concat(ones(x.rank() - 2)), x);
  }

  private static Shape ones(int rank) {
    Shape shape = Shape.of();
    for (int i = 0; i < rank; i++) {
      shape = shape.insert(0, 1);
    }
    return shape;
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] x = inputs.get(0).v();
    Shape shape = inputs.getFirst().shape();
    int[] channel = channels(shape);
    double n = shape.without(1).size();
    double[] mean = outputs.get(1).v();
    double[] variance = outputs.get(2).v();
    for (int i = 0; i < x.length; i++) {
      mean[channel[i]] += x[i] / n;
    }
    for (int i = 0; i < x.length; i++) {
      double centered = x[i] - mean[channel[i]];
      variance[channel[i]] += centered * centered / n;
    }
    for (int i = 0; i < x.length; i++) {
      int c = channel[i];
      double normalized = (x[i] - mean[c]) / Math.sqrt(variance[c] + eps);
      outputs.get(0).v()[i] = normalized * inputs.get(1).v()[c] + inputs.get(2).v()[c];
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return new BatchNormGrad(eps).applyAll(List.of(
        call.gradOutput(), call.input(0).detach(), call.output(1).detach(), call.output(2).detach(), call.input(1).detach()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(8.0 * inputs.getFirst().shape().size(), inputs, outputs);
  }
}
