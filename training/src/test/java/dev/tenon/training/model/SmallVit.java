package dev.tenon.training.model;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.Weights;
import dev.tenon.model.adapter.Adapters;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitConfig;
import dev.tenon.training.image.ExifOrientation;
import dev.tenon.training.image.Interpolation;
import dev.tenon.training.recipe.AugmentSpec;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Networks small enough for a test of files: width 16, two blocks, patches of 4 on images of 8. */
public final class SmallVit {
  static final int WIDTH = 16;
  static final int IMAGE = 8;

  private SmallVit() {}

  /** Random weights in the current scope. */
  public static Vit of(long seed, int classes) {
    Map<String, Tensor> w = new LinkedHashMap<>();
    put(w, seed, "cls_token", 1, 1, WIDTH);
    put(w, seed, "pos_embed", 1, 5, WIDTH);
    layer(w, seed, "patch_embed.proj", WIDTH, 3, 4, 4);
    for (int i = 0; i < 2; i++) {
      String block = "blocks." + i + ".";
      layer(w, seed, block + "norm1", WIDTH);
      layer(w, seed, block + "attn.qkv", 3 * WIDTH, WIDTH);
      layer(w, seed, block + "attn.proj", WIDTH, WIDTH);
      layer(w, seed, block + "norm2", WIDTH);
      layer(w, seed, block + "mlp.fc1", 4 * WIDTH, WIDTH);
      layer(w, seed, block + "mlp.fc2", WIDTH, 4 * WIDTH);
    }
    layer(w, seed, "norm", WIDTH);
    layer(w, seed, "head", classes, WIDTH);
    return new Vit(new Weights(w), VitConfig.timm(2));
  }

  /** Two tasks of three and two classes. */
  public static ModelCard card(double alpha, String base) {
    return new ModelCard(
        ModelCard.Kind.MODEL,
        List.of(new ModelCard.Task("fruit", List.of("apple", "\"fig\"", "quince")), new ModelCard.Task("size", List.of("small", "large"))),
        new InputSpec(IMAGE, AugmentSpec.TestCrop.CENTER, 0.9, Interpolation.BICUBIC, true, List.of(0.5, 0.4, 0.3),
            List.of(0.2, 0.25, 1.0 / 3), ExifOrientation.APPLY, 0),
        VitConfig.timm(2),
        "emtal",
        alpha,
        base);
  }

  private static void layer(Map<String, Tensor> w, long seed, String name, long... shape) {
    put(w, seed, name + ".weight", shape);
    put(w, seed, name + ".bias", shape[0]);
  }

  private static void put(Map<String, Tensor> w, long seed, String name, long... shape) {
    Philox random = Philox.of(seed).split(name);
    w.put(name, Adapters.filled(DType.F32, Shape.of(shape), i -> 0.3 * random.normal(i)));
  }
}
