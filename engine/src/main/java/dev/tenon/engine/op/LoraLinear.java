package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code x·wᵀ + b + scale·(x·loraA)·loraB}, a linear layer with a low-rank update (EMTAL §2.3): operands x [..., in],
 * w [out, in], under {@code bias} b [out], then loraA [in, r] and loraB [r, out]. A by-product is the factor
 * {@code scale·x·loraA} [..., r], which the gradients take up.
 */
public record LoraLinear(boolean bias, double scale) implements ByProducts {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    int lora = bias ? 3 : 2;
    Check.count(this, inputs, lora + 2);
    Spec result = Linear.result(this, inputs.subList(0, lora));
    Spec w = inputs.get(1);
    Spec a = inputs.get(lora);
    Check.that(a.rank() == 2 && a.dim(0) == w.dim(1), this, "loraA", "[" + w.dim(1) + ", r]", a);
    Check.dtype(this, "loraA", w.dtype(), a);
    Spec b = inputs.get(lora + 1);
    Check.that(b.equals(new Spec(w.dtype(), Shape.of(a.dim(1), w.dim(0)))), this, "loraB",
        "[" + a.dim(1) + ", " + w.dim(0) + "] " + w.dtype(), b);
    return List.of(result, result.with(result.shape().with(result.rank() - 1, a.dim(1))));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    int lora = bias ? 3 : 2;
    new Linear(bias).reference(inputs.subList(0, lora), outputs.subList(0, 1));
    Ref x = inputs.get(0);
    Ref a = inputs.get(lora);
    Ref b = inputs.get(lora + 1);
    double[] y = outputs.getFirst().v();
    double[] factor = outputs.get(1).v();
    int in = a.dim(0);
    int rank = a.dim(1);
    int out = b.dim(1);
    for (int i = 0; i < factor.length; i++) {
      int row = i / rank;
      int r = i % rank;
      for (int p = 0; p < in; p++) {
        factor[i] += x.v()[row * in + p] * a.v()[p * rank + r];
      }
      factor[i] *= scale;
      for (int j = 0; j < out; j++) {
        y[row * out + j] += factor[i] * b.v()[r * out + j];
      }
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    int lora = bias ? 3 : 2;
    Tensor w = call.input(1);
    Tensor a = call.input(lora);
    Tensor b = call.input(lora + 1);
    Tensor x = call.input(0).reshape(Linear.rows(call.input(0)), w.dim(1));
    Tensor g = call.gradOutput().reshape(Linear.rows(call.gradOutput()), w.dim(0));
    Tensor factor = call.output(1).detach().reshape(g.dim(0), a.dim(1));
    List<Tensor> gradients = new ArrayList<>();
    Tensor gradFactor;
    if (call.needs(0)) {
      List<Tensor> back =
          new LoraLinear(false, scale).applyAll(List.of(g, w.transpose(0, 1), b.transpose(0, 1), a.transpose(0, 1)));
      gradients.add(back.get(0).reshape(call.input(0).shape()));
      gradFactor = back.get(1);
    } else {
      gradients.add(null);
      gradFactor = call.needs(lora) ? g.matmul(b.transpose(0, 1)).mul(scale) : null;
    }
    gradients.add(call.needs(1) ? g.transpose(0, 1).matmul(x) : null);
    if (bias) {
      gradients.add(call.needs(2) ? g.sum(0) : null);
    }
    gradients.add(call.needs(lora) ? gradFactor.transpose(0, 1).matmul(x).transpose(0, 1) : null);
    gradients.add(call.needs(lora + 1) ? factor.transpose(0, 1).matmul(g) : null);
    return gradients;
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    Spec w = inputs.get(1);
    double rank = inputs.getLast().dim(0);
    double rows = (double) outputs.getFirst().shape().size() / Math.max(1, w.dim(0));
    return Cost.of(2 * rows * (w.shape().size() + rank * (w.dim(0) + w.dim(1))), inputs, outputs);
  }
}
