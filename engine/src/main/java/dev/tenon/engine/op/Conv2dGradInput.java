package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.Arrays;
import java.util.List;

/**
 * The transpose of a convolution in x: gradOutput [B, out, H', W'] and weight [out, C/groups, kh, kw] give [B, C, height, width].
 * Also the forward computation of {@link ConvTranspose2d}.
 *
 * @param conv the convolution, without bias
 */
public record Conv2dGradInput(Conv2d conv, int height, int width) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, 2);
    Spec g = inputs.get(0);
    Spec weight = inputs.get(1);
    Check.floating(this, "gradOutput", g);
    Check.rank(this, "gradOutput", 4, g);
    Check.rank(this, "weight", 4, weight);
    Spec x = g.with(Shape.of(g.dim(0), weight.dim(1) * conv.groups(), height, width));
    Spec expected = x.with(conv.outputShape(this, x, weight));
    Check.that(g.equals(expected), this, "gradOutput", expected.toString(), g);
    return List.of(x);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref g = inputs.get(0);
    Ref weight = inputs.get(1);
    Ref x = outputs.getFirst();
    conv.products(x.shape(), weight.shape(), g.shape(), (i, w, o) -> x.v()[i] += g.v()[o] * weight.v()[w]);
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor g = call.input(0);
    Tensor weight = call.input(1);
    Tensor x = call.gradOutput();
    return Arrays.asList(
        call.needs(0) ? conv.apply(x, weight) : null,
        call.needs(1) ? new Conv2dGradWeight(conv, (int) weight.dim(2), (int) weight.dim(3)).apply(g, x) : null);
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(2.0 * inputs.get(0).shape().size() * inputs.get(1).shape().product(1, 4), inputs, outputs);
  }
}
