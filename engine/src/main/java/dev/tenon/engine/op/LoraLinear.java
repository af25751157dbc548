package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code x·wᵀ + b + scale·(x·loraA)·loraB}, a linear layer with a low-rank update (EMTAL §2.3): operands x [..., in],
 * w [out, in], under {@code bias} b [out], then loraA [in, r] and loraB [r, out].
 */
public record LoraLinear(boolean bias, double scale) implements Op {
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
    return List.of(result);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    int lora = bias ? 3 : 2;
    new Linear(bias).reference(inputs.subList(0, lora), outputs);
    Ref x = inputs.get(0);
    Ref a = inputs.get(lora);
    Ref b = inputs.get(lora + 1);
    double[] y = outputs.getFirst().v();
    int in = a.dim(0);
    int rank = a.dim(1);
    int out = b.dim(1);
    for (int row = 0; row < y.length / Math.max(1, out); row++) {
      for (int r = 0; r < rank; r++) {
        double low = 0;
        for (int p = 0; p < in; p++) {
          low += x.v()[row * in + p] * a.v()[p * rank + r];
        }
        for (int j = 0; j < out; j++) {
          y[row * out + j] += scale * low * b.v()[r * out + j];
        }
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
    List<Tensor> gradients = new ArrayList<>();
    gradients.add(!call.needs(0) ? null
        : new LoraLinear(false, scale).apply(g, w.transpose(0, 1), b.transpose(0, 1), a.transpose(0, 1)).reshape(call.input(0).shape()));
    gradients.add(call.needs(1) ? g.transpose(0, 1).matmul(x) : null);
    if (bias) {
      gradients.add(call.needs(2) ? g.sum(0) : null);
    }
    gradients.add(call.needs(lora) ? g.matmul(b.transpose(0, 1)).mul(scale).transpose(0, 1).matmul(x).transpose(0, 1) : null);
    gradients.add(call.needs(lora + 1) ? x.matmul(a).transpose(0, 1).matmul(g).mul(scale) : null);
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
