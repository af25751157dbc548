package dev.tenon.training.method;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.model.vit.NameScheme;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitConfig;
import dev.tenon.model.vit.VitFile;
import dev.tenon.model.vit.VitOptions;
import dev.tenon.model.vit.VitSizes;
import dev.tenon.training.recipe.ModelSpec;

/** The network a run starts from: pretrained out of a file, or with random weights. */
public final class Backbone {
  private Backbone() {}

  /**
   * The backbone of a recipe, F32, in the current scope; it has the head that its file has, and none when it is random.
   *
   * @param seed of random weights
   * @throws TenonException when the file cannot be used, or has other sizes than the recipe says
   */
  public static Vit load(ModelSpec spec, long seed) {
    if (spec.format() == ModelSpec.WeightFormat.NONE) {
      return random(spec, seed);
    }
    Vit vit = VitFile.load(spec.weights(), options(spec));
    check(spec, "patch", spec.patch(), vit.patch().dim(0));
    check(spec, "dim", spec.dim(), vit.weights().get("pos_embed").dim(2));
    check(spec, "depth", spec.depth(), vit.depth());
    return vit;
  }

  private static void check(ModelSpec spec, String size, long wanted, long found) {
    if (wanted != 0 && wanted != found) {
      throw new TenonException("model." + size + " is " + wanted + ", but that of the ViT in " + spec.weights() + " is " + found
          + "; leave it out, or name another file");
    }
  }

  private static VitOptions options(ModelSpec spec) {
    VitOptions options = VitOptions.DEFAULT.withImageSize(spec.imageSize(), spec.imageSize());
    options = switch (spec.format()) {
      case TIMM -> options.with(NameScheme.TIMM);
      case HUGGINGFACE -> options.with(NameScheme.HUGGINGFACE);
      case TORCHVISION -> options.with(NameScheme.TORCHVISION);
      case AUTO, NONE -> options;
    };
    options = switch (spec.pooling()) {
      case AUTO -> options;
      case CLS -> options.with(VitConfig.Pooling.TOKEN);
      case MEAN -> options.with(VitConfig.Pooling.AVERAGE);
    };
    options = spec.heads() > 0 ? options.withHeads(spec.heads()) : options;
    return spec.normEps() > 0 ? options.withEps(spec.normEps()) : options;
  }

  private static Vit random(ModelSpec spec, long seed) {
    long side = spec.imageSize() / spec.patch();
    VitSizes sizes = VitSizes.plain(
        Shape.of(3, spec.patch(), spec.patch()), side * side, spec.dim(), spec.depth(), Math.round(spec.dim() * spec.mlpRatio()), 0);
    VitConfig config = VitConfig.timm(spec.heads() > 0 ? spec.heads() : Math.max(1, spec.dim() / 64));
    if (spec.pooling() == ModelSpec.Pooling.MEAN) {
      sizes = sizes.without(VitSizes.Part.NORM).with(VitSizes.Part.FEATURE_NORM);
      config = config.with(VitConfig.Pooling.AVERAGE);
    }
    config = spec.normEps() > 0 ? config.withEps(spec.normEps()) : config;
    return new Vit(sizes.random(DType.F32, seed, spec.initStd()), config);
  }
}
