package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Cross-correlation: x [B, C, H, W] with weight [out, C/groups, kh, kw] and, under {@code bias}, bias [out] gives
 * [B, out, H', W'] with {@code H' = (H + 2·padH − dilationH·(kh − 1) − 1)/strideH + 1} rounded down.
 */
public record Conv2d(
    int strideH, int strideW, int padH, int padW, int dilationH, int dilationW, int groups, boolean bias) implements Op {
  /** The same geometry without the bias. */
  Conv2d unbiased() {
    return new Conv2d(strideH, strideW, padH, padW, dilationH, dilationW, groups, false);
  }

  /** The window of a kernel of this size. */
  public Window2d window(long kernelH, long kernelW) {
    return new Window2d((int) kernelH, (int) kernelW, strideH, strideW, padH, padW, dilationH, dilationW);
  }

  /** The output's shape, or an exception that names {@code op}. */
  Shape outputShape(Op op, Spec x, Spec weight) {
    Check.floating(op, "x", x);
    Check.rank(op, "x", 4, x);
    Check.dtype(op, "weight", x.dtype(), weight);
    Check.rank(op, "weight", 4, weight);
    Check.that(groups > 0 && x.dim(1) % groups == 0 && weight.dim(0) % groups == 0, op, "groups",
        "a divisor of " + x.dim(1) + " input and " + weight.dim(0) + " output channels", groups);
    Check.that(weight.dim(1) == x.dim(1) / groups, op, "weight", "[out, " + x.dim(1) / groups + ", kh, kw]", weight);
    Window2d window = window(weight.dim(2), weight.dim(3));
    window.check(op, "x", x);
    return Shape.of(x.dim(0), weight.dim(0), window.rows(x.dim(2)), window.columns(x.dim(3)));
  }

  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, bias ? 3 : 2);
    Spec x = inputs.get(0);
    Spec weight = inputs.get(1);
    Shape output = outputShape(this, x, weight);
    if (bias) {
      Spec expected = x.with(Shape.of(weight.dim(0)));
      Check.that(inputs.get(2).equals(expected), this, "bias", expected.toString(), inputs.get(2));
    }
    return List.of(x.with(output));
  }

  /** Receives one product of the sum: flat indices into x, weight and output. */
  interface Product {
    void at(int x, int weight, int output);
  }

  /** Visits every product {@code x·weight} that is part of an output. */
  void products(Shape x, Shape weight, Shape output, Product product) {
    int height = (int) x.dim(2);
    int width = (int) x.dim(3);
    int rows = (int) output.dim(2);
    int columns = (int) output.dim(3);
    int depth = (int) weight.dim(1);
    int taps = (int) (weight.dim(2) * weight.dim(3));
    int channels = (int) output.dim(1);
    Window2d window = window(weight.dim(2), weight.dim(3));
    for (int plane = 0; plane < output.dim(0) * channels; plane++) {
      int to = plane * rows * columns;
      int filter = plane % channels;
      int group = filter / (channels / groups);
      for (int c = 0; c < depth; c++) {
        int from = (plane / channels * groups * depth + group * depth + c) * height * width;
        int kernel = (filter * depth + c) * taps;
        window.visit(height, width, rows, columns, (out, k, in) -> product.at(from + in, kernel + k, to + out));
      }
    }
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref x = inputs.get(0);
    Ref weight = inputs.get(1);
    Ref output = outputs.getFirst();
    double[] y = output.v();
    if (bias) {
      int plane = output.dim(2) * output.dim(3);
      Arrays.setAll(y, i -> inputs.get(2).v()[i / plane % output.dim(1)]);
    }
    products(x.shape(), weight.shape(), output.shape(), (i, w, o) -> y[o] += x.v()[i] * weight.v()[w]);
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor x = call.input(0);
    Tensor weight = call.input(1);
    Tensor g = call.gradOutput();
    List<Tensor> gradients = new ArrayList<>();
    gradients.add(call.needs(0) ? new Conv2dGradInput(unbiased(), (int) x.dim(2), (int) x.dim(3)).apply(g, weight) : null);
    gradients.add(
        call.needs(1) ? new Conv2dGradWeight(unbiased(), (int) weight.dim(2), (int) weight.dim(3)).apply(g, x) : null);
    if (bias) {
      gradients.add(call.needs(2) ? g.sum(0, 2, 3) : null);
    }
    return gradients;
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    Spec weight = inputs.get(1);
    return Cost.of(2.0 * outputs.getFirst().shape().size() * weight.shape().product(1, 4), inputs, outputs);
  }
}
