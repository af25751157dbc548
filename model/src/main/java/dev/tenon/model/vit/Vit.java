package dev.tenon.model.vit;

import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Linear;
import dev.tenon.model.Norm;
import dev.tenon.model.Projection;
import dev.tenon.model.Weights;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A vision transformer over named tensors. The names are timm's; adapters are tensors with the names of EMTAL's reference beside them,
 * so that adding, training, merging and saving an adapter all come down to which names there are.
 */
public final class Vit {
  private final Weights weights;
  private final VitConfig config;
  private final List<Block> blocks = new ArrayList<>();
  private final Optional<Norm> norm;
  private final Optional<Norm> featureNorm;

  /**
   * A network over {@code weights}; their memory must outlive it.
   *
   * @throws TenonException when a tensor the architecture needs is missing
   */
  public Vit(Weights weights, VitConfig config) {
    this.weights = weights;
    this.config = config;
    for (int i = 0; weights.find("blocks." + i + ".norm1.weight").isPresent(); i++) {
      blocks.add(Block.of(weights, "blocks." + i + ".", config));
    }
    long dim = weights.get("pos_embed").dim(2);
    if (dim % config.heads() != 0) {
      throw new TenonException("a ViT of width " + dim + " cannot have " + config.heads() + " heads; choose a divisor");
    }
    this.norm = norm("norm");
    this.featureNorm = norm("fc_norm");
  }

  private Optional<Norm> norm(String name) {
    return weights.find(name + ".weight").map(_ -> Norm.of(weights, name, config.eps()));
  }

  public Weights weights() {
    return weights;
  }

  public VitConfig config() {
    return config;
  }

  /** Number of blocks. */
  public int depth() {
    return blocks.size();
  }

  /** Side of a patch in pixels, height then width. */
  public Shape patch() {
    return weights.get("patch_embed.proj.weight").shape().slice(2, 4);
  }

  /** Logits [B, classes] of images [B, 3, H, W] on the plain network (a router counts as faded). */
  public Tensor forward(Tensor images) {
    return forward(images, 1);
  }

  /** Logits [B, classes]; {@code alpha} is how far the router has faded, from 0 to 1 (EMTAL Eq. 12). */
  public Tensor forward(Tensor images, double alpha) {
    return head(pool(tokens(images, alpha)));
  }

  /** All tokens after the last block and the final norm, [B, N, dim]. */
  public Tensor tokens(Tensor images, double alpha) {
    Tensor x = embed(images);
    for (Block block : blocks) {
      x = block.apply(x, alpha);
    }
    Tensor last = x;
    return norm.map(n -> n.apply(last)).orElse(last);
  }

  /** The pooled feature [B, dim] that the head sees, of {@link #tokens}. */
  public Tensor pool(Tensor tokens) {
    int prefix = weights.find("cls_token").isPresent() ? 1 : 0;
    Tensor feature = switch (config.pooling()) {
      case TOKEN -> tokens.select(1, 0);
      case AVERAGE -> tokens.slice(1, prefix, tokens.dim(1)).mean(1);
    };
    return featureNorm.map(n -> n.apply(feature)).orElse(feature);
  }

  /** Logits of a pooled feature; the feature itself when there is no head. */
  public Tensor head(Tensor feature) {
    return weights.find("head.weight").isPresent() ? Projection.plain(weights, "head").apply(feature) : feature;
  }

  /** Tokens [B, N, dim] of images before the first block: patches, class token first, position embedding added. */
  private Tensor embed(Tensor images) {
    Tensor patches = patchEmbed(images);
    Tensor cls = weights.find("cls_token").orElse(null);
    Tensor tokens = cls == null
        ? patches
        : new Concat(1).apply(cls.expand(Shape.of(patches.dim(0), 1, patches.dim(2))), patches);
    Tensor position = weights.get("pos_embed");
    if (position.dim(1) != tokens.dim(1)) {
      throw new TenonException("images of " + images.dim(2) + "×" + images.dim(3) + " give " + tokens.dim(1)
          + " tokens, but the position embedding is for " + position.dim(1) + "; load the weights for this image size");
    }
    return tokens.add(position);
  }

  /** A convolution whose stride is its kernel is a linear layer over the pixels of each patch. */
  private Tensor patchEmbed(Tensor images) {
    Tensor kernel = weights.get("patch_embed.proj.weight");
    long ph = kernel.dim(2);
    long pw = kernel.dim(3);
    if (images.rank() != 4 || images.dim(1) != kernel.dim(1) || images.dim(2) % ph != 0 || images.dim(3) % pw != 0) {
      throw new TenonException("patchEmbed: images must be [B, " + kernel.dim(1) + ", H, W] with H and W multiples of " + ph + " and "
          + pw + ", but are " + images.shape());
    }
    long rows = images.dim(2) / ph;
    long columns = images.dim(3) / pw;
    Tensor patches = images.reshape(images.dim(0), images.dim(1), rows, ph, columns, pw)
        .permute(0, 2, 4, 1, 3, 5)
        .reshape(images.dim(0), rows * columns, images.dim(1) * ph * pw);
    return new Linear(true).apply(patches, kernel.reshape(kernel.dim(0), -1), weights.get("patch_embed.proj.bias"));
  }
}
