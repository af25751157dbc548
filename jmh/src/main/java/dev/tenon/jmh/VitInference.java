package dev.tenon.jmh;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Cost;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.Weights;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitPreset;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** Logits of a plain ViT for {@code batch} images of 224×224, patches of 16×16, 1000 classes. */
public record VitInference(VitPreset preset, int batch) implements Workload {
  private static final int SIDE = 224;

  @Override
  public String name() {
    return "vit-" + preset.name().toLowerCase(Locale.ROOT) + "-batch" + batch;
  }

  /** The network with random weights, in the current scope. */
  public Vit vit() {
    return new Vit(preset.sizes(16, SIDE, 1000).random(DType.F32, 5), preset.config());
  }

  /** Its first block alone, with embedding and head. */
  public static Vit firstBlock(Vit vit) {
    Map<String, Tensor> some = new LinkedHashMap<>(vit.weights().asMap());
    some.keySet().removeIf(name -> name.startsWith("blocks.") && !name.startsWith("blocks.0."));
    return new Vit(new Weights(some), vit.config());
  }

  /** Random images, in the current scope. */
  public Tensor images() {
    return Workloads.uniform(Philox.of(7), batch, 3, SIDE, SIDE);
  }

  /** Additions one after another on the way from a pixel to a logit. */
  public static double roundings(Vit vit) {
    long tokens = vit.weights().get("pos_embed").dim(1);
    long dim = vit.weights().get("pos_embed").dim(2);
    long patch = vit.weights().get("patch_embed.proj.weight").shape().product(1, 4);
    double block = 7 * dim + 2 * dim + dim / vit.config().heads() + tokens;
    return patch + vit.depth() * block + 2 * dim;
  }

  @Override
  public Cost cost() {
    long dim = preset.sizes(16, SIDE, 1000).dim();
    long depth = preset.sizes(16, SIDE, 1000).depth();
    double tokens = (SIDE / 16) * (SIDE / 16) + 1;
    double products = (tokens - 1) * 768 * dim + depth * tokens * (12.0 * dim * dim + 2 * tokens * dim) + 1000 * dim;
    double bytes = 4.0 * (preset.sizes(16, SIDE, 1000).parameters() + (double) batch * (3 * SIDE * SIDE + 1000));
    return new Cost(2 * batch * products, bytes);
  }
}
