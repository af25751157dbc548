package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * Cross-task affinity (CTAL, arXiv:2401.11124, section 3): for each reference pixel q the scalar products of its features with those of
 * every pixel, one map a task, are mixed by a 3×3 kernel of q's own to one map M(q, ·), and every task's values are diffused with it:
 * {@code y(t, ·, q) = Σ_p M(q, p)·v(t, ·, p)}. Operands: features f [B, T, C, H, W], as a rule of unit length ({@link
 * Normalization#unit}), values v [B, T, D, H, W], weight [H·W, T, 3, 3] and bias [H·W] → y [B, T, D, H, W].
 */
public record Affinity() implements Op {
  /** Checks the operands from number {@code first} on. */
  static void check(Op op, List<Spec> inputs, int first) {
    Spec f = inputs.get(first);
    Spec v = inputs.get(first + 1);
    Check.floating(op, "f", f);
    Check.rank(op, "f", 5, f);
    Check.rank(op, "v", 5, v);
    Spec values = f.with(f.shape().with(2, v.dim(2)));
    Check.that(v.equals(values), op, "v", values.toString(), v);
    long pixels = f.dim(3) * f.dim(4);
    Spec weight = f.with(Shape.of(pixels, f.dim(1), 3, 3));
    Check.that(inputs.get(first + 2).equals(weight), op, "weight", weight.toString(), inputs.get(first + 2));
    Spec bias = f.with(Shape.of(pixels));
    Check.that(inputs.get(first + 3).equals(bias), op, "bias", bias.toString(), inputs.get(first + 3));
  }

  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, 4);
    check(this, inputs, 0);
    return List.of(inputs.get(1));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    AffinityMaps maps = new AffinityMaps(inputs.get(0), inputs.get(2).v(), inputs.get(3).v());
    Ref v = inputs.get(1);
    Ref y = outputs.getFirst();
    int channels = v.dim(1) * v.dim(2);
    for (int image = 0; image < v.dim(0); image++) {
      for (int q = 0; q < maps.pixels(); q++) {
        double[] mixed = maps.mixed(q, maps.products(image, q));
        for (int c = 0; c < channels; c++) {
          int plane = (image * channels + c) * maps.pixels();
          for (int p = 0; p < maps.pixels(); p++) {
            y.v()[plane + q] += mixed[p] * v.v()[plane + p];
          }
        }
      }
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    List<Tensor> operands = new ArrayList<>(List.of(call.gradOutput()));
    call.inputs().forEach(t -> operands.add(t.detach()));
    return new AffinityGrad().applyAll(operands);
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(flops(inputs.get(0), inputs.get(1)), inputs, outputs);
  }

  /** Two products of each pair of pixels, and the kernels. */
  static double flops(Spec f, Spec v) {
    double pairs = (double) f.dim(0) * f.dim(1) * Math.pow((double) f.dim(3) * f.dim(4), 2);
    return pairs * (2 * f.dim(2) + 2 * v.dim(2) + 18);
  }
}
