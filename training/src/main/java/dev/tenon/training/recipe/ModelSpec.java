package dev.tenon.training.recipe;

import java.nio.file.Path;

/**
 * Which backbone a run starts from.
 *
 * @param weights safetensors file; empty only with {@link WeightFormat#NONE}
 * @param format under which names the file keeps its tensors
 * @param imageSize side of the square input in pixels; position embeddings are resized to it
 * @param patch side of a patch in pixels; 0 takes it from the weights, as for the three sizes that follow
 * @param dim width of the tokens
 * @param depth number of blocks
 * @param heads attention heads; 0 gives every head 64 channels
 * @param initStd deviation of random linear layers; read only without weights
 * @param mlpRatio hidden width of the MLP over {@code dim}; read only without weights
 * @param pooling what the head sees
 * @param normEps epsilon of every layer norm; 0 takes what the file says, or else what is usual under its names
 */
public record ModelSpec(
    Path weights,
    WeightFormat format,
    int imageSize,
    int patch,
    int dim,
    int depth,
    int heads,
    double initStd,
    double mlpRatio,
    Pooling pooling,
    double normEps) {

  /** Naming schemes of the files a ViT is published in. */
  public enum WeightFormat {
    /** Recognized by the tensor names. */
    AUTO,
    TIMM,
    HUGGINGFACE,
    TORCHVISION,
    /** No file: start from random weights of the given sizes. */
    NONE
  }

  /** The feature handed to the head. */
  public enum Pooling {
    /** As the weights were trained; the class token without weights. */
    AUTO,
    /** The class token. */
    CLS,
    /** The mean of the patch tokens. */
    MEAN
  }

  static final ModelSpec DEFAULT =
      new ModelSpec(Path.of(""), WeightFormat.AUTO, 224, 0, 0, 0, 0, 0.02, 4, Pooling.AUTO, 0);

  static ModelSpec visit(Section s, ModelSpec d) {
    var spec = new ModelSpec(
        s.path("weights", d.weights),
        s.choice("format", d.format),
        s.integer("image-size", d.imageSize, 8, 4096),
        s.integer("patch", d.patch, 0, 256),
        s.integer("dim", d.dim, 0, 16384),
        s.integer("depth", d.depth, 0, 256),
        s.integer("heads", d.heads, 0, 256),
        s.number("init-std", d.initStd, 1e-6, 1),
        s.number("mlp-ratio", d.mlpRatio, 0.125, 64),
        s.choice("pooling", d.pooling),
        s.number("norm-eps", d.normEps, 0, 0.1));
    boolean random = spec.format == WeightFormat.NONE;
    s.check(!random || spec.weights.toString().isEmpty(), "weights",
        "names a file although 'format' is none; drop one of the two");
    s.check(!random || spec.patch > 0, "patch", "must be given when 'format' is none");
    s.check(!random || spec.dim > 0, "dim", "must be given when 'format' is none");
    s.check(!random || spec.depth > 0, "depth", "must be given when 'format' is none");
    s.check(spec.patch == 0 || spec.imageSize % spec.patch == 0, "image-size",
        "is " + spec.imageSize + ", which is not a multiple of the patch size " + spec.patch);
    s.check(spec.heads == 0 || spec.dim % spec.heads == 0, "heads",
        "is " + spec.heads + ", which does not divide the width " + spec.dim);
    return spec;
  }
}
