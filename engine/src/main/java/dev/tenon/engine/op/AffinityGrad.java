package dev.tenon.engine.op;

import java.util.List;

/**
 * The gradient of {@link Affinity}. Operands: gradOutput, then those of the affinity. Results: the gradients of features, values, weight
 * and bias.
 */
public record AffinityGrad() implements NoGradient {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, 5);
    Affinity.check(this, inputs, 1);
    Check.that(inputs.get(0).equals(inputs.get(2)), this, "gradOutput", inputs.get(2).toString(), inputs.get(0));
    return inputs.subList(1, 5);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    AffinityMaps maps = new AffinityMaps(inputs.get(1), inputs.get(3).v(), inputs.get(4).v());
    for (int image = 0; image < inputs.getFirst().dim(0); image++) {
      for (int q = 0; q < maps.pixels(); q++) {
        double[][] products = maps.products(image, q);
        double[] gradMixed = values(maps, image, q, maps.mixed(q, products), inputs, outputs);
        for (double g : gradMixed) {
          outputs.get(3).v()[q] += g;
        }
        for (int t = 0; t < maps.tasks(); t++) {
          features(maps, image, t, q, kernel(maps, q, t, gradMixed, products[t], outputs), outputs);
        }
      }
    }
  }

  /** Adds to the gradient of the values; answers that of the mixed map. */
  private static double[] values(AffinityMaps maps, int image, int q, double[] mixed, List<Ref> inputs, List<Ref> outputs) {
    double[] g = inputs.get(0).v();
    Ref v = inputs.get(2);
    int channels = v.dim(1) * v.dim(2);
    double[] gradMixed = new double[maps.pixels()];
    for (int c = 0; c < channels; c++) {
      int plane = (image * channels + c) * maps.pixels();
      for (int p = 0; p < maps.pixels(); p++) {
        gradMixed[p] += g[plane + q] * v.v()[plane + p];
        outputs.get(1).v()[plane + p] += g[plane + q] * mixed[p];
      }
    }
    return gradMixed;
  }

  /** Adds to the gradient of a task's kernel; answers that of its products. */
  private static double[] kernel(AffinityMaps maps, int q, int t, double[] gradMixed, double[] products, List<Ref> outputs) {
    int kernel = (q * maps.tasks() + t) * 9;
    double[] gradProducts = new double[maps.pixels()];
    maps.visit((p, k, read) -> {
      outputs.get(2).v()[kernel + k] += gradMixed[p] * products[read];
      gradProducts[read] += gradMixed[p] * maps.weight()[kernel + k];
    });
    return gradProducts;
  }

  /** Adds to the gradient of the features of q and of all other pixels. */
  private static void features(AffinityMaps maps, int image, int t, int q, double[] gradProducts, List<Ref> outputs) {
    double[] gradF = outputs.get(0).v();
    double[] f = maps.features().v();
    for (int c = 0; c < maps.channels(); c++) {
      int at = maps.feature(image, t, c);
      for (int p = 0; p < maps.pixels(); p++) {
        gradF[at + q] += gradProducts[p] * f[at + p];
        gradF[at + p] += gradProducts[p] * f[at + q];
      }
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(3 * Affinity.flops(inputs.get(1), inputs.get(2)), inputs, outputs);
  }
}
