package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.Arrays;
import java.util.List;

/**
 * The gradient of a convolution in its weight: gradOutput [B, out, H', W'] and x [B, C, H, W] give
 * [out, C/groups, kernelH, kernelW].
 *
 * @param conv the convolution, without bias
 */
public record Conv2dGradWeight(Conv2d conv, int kernelH, int kernelW) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, 2);
    Spec g = inputs.get(0);
    Spec x = inputs.get(1);
    Check.floating(this, "gradOutput", g);
    Check.rank(this, "gradOutput", 4, g);
    Check.rank(this, "x", 4, x);
    Spec weight = g.with(Shape.of(g.dim(1), x.dim(1) / conv.groups(), kernelH, kernelW));
    Spec expected = x.with(conv.outputShape(this, x, weight));
    Check.that(g.equals(expected), this, "gradOutput", expected.toString(), g);
    return List.of(weight);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref g = inputs.get(0);
    Ref x = inputs.get(1);
    Ref weight = outputs.getFirst();
    conv.products(x.shape(), weight.shape(), g.shape(), (i, w, o) -> weight.v()[w] += g.v()[o] * x.v()[i]);
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor g = call.input(0);
    Tensor x = call.input(1);
    Tensor weight = call.gradOutput();
    return Arrays.asList(
        call.needs(0) ? conv.apply(x, weight) : null,
        call.needs(1) ? new Conv2dGradInput(conv, (int) x.dim(2), (int) x.dim(3)).apply(g, weight) : null);
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(2.0 * inputs.get(0).shape().size() * outputs.getFirst().shape().product(1, 4), inputs, outputs);
  }
}
