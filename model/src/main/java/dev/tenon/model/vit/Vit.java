package dev.tenon.model.vit;

import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Unary;
import dev.tenon.model.Fade;
import dev.tenon.model.Network;
import dev.tenon.model.Norm;
import dev.tenon.model.PatchEmbedding;
import dev.tenon.model.Projection;
import dev.tenon.model.Weights;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A vision transformer over named tensors. The names are timm's; adapters are tensors with the names of EMTAL's reference beside them,
 * so that adding, training, merging and saving an adapter all come down to which names there are.
 */
public final class Vit implements Network {
  private final Weights weights;
  private final VitConfig config;
  private final List<Block> blocks = new ArrayList<>();
  private final int prefix;
  private final Optional<Norm> preNorm;
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
    if (config.pooling() != VitConfig.Pooling.AVERAGE && weights.find("cls_token").isEmpty()) {
      throw new TenonException("a ViT without a class token cannot pool it; choose average pooling");
    }
    long dim = weights.get("pos_embed").dim(2);
    if (dim % config.heads() != 0) {
      throw new TenonException("a ViT of width " + dim + " cannot have " + config.heads() + " heads; choose a divisor");
    }
    this.prefix = (int) Stream.of("cls_token", "dist_token").filter(token -> weights.find(token).isPresent()).count();
    this.preNorm = norm("norm_pre");
    this.norm = norm("norm");
    this.featureNorm = norm("fc_norm");
  }

  private Optional<Norm> norm(String name) {
    return weights.find(name + ".weight").map(_ -> Norm.of(weights, name, config.eps()));
  }

  @Override
  public Weights weights() {
    return weights;
  }

  @Override
  public Vit with(Weights others) {
    return new Vit(others, config);
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
    return PatchEmbedding.of(weights, "patch_embed.proj").patch();
  }

  /** Number of tokens before those of the patches: the class token, DeiT's distillation token. */
  public int prefix() {
    return prefix;
  }

  /** Width of the feature that {@link #pool} gives. */
  public long featureDim() {
    long dim = weights.get("pos_embed").dim(2);
    return config.pooling() == VitConfig.Pooling.TOKEN_AND_AVERAGE ? 2 * dim : dim;
  }

  /** Logits [B, classes] of images [B, 3, H, W] on the plain network (a router counts as faded). */
  public Tensor forward(Tensor images) {
    return forward(images, Fade.DONE);
  }

  /** Logits [B, classes]; {@code alpha} is how far the router has faded, from 0 to 1 (EMTAL Eq. 12). */
  public Tensor forward(Tensor images, double alpha) {
    return forward(images, new Fade.Constant(alpha));
  }

  @Override
  public Tensor forward(Tensor images, Fade fade) {
    return logits(tokens(images, fade));
  }

  /** All tokens after the last block and the final norm, [B, N, dim]. */
  public Tensor tokens(Tensor images, Fade fade) {
    return normed(hiddenStates(images, fade).getLast());
  }

  /** The tokens before the first block and after each one, depth + 1 times [B, N, dim], none through the final norm. */
  public List<Tensor> hiddenStates(Tensor images, Fade fade) {
    List<Tensor> states = new ArrayList<>(List.of(embed(images)));
    for (Block block : blocks) {
      states.add(through(block, states.getLast(), fade));
    }
    return states;
  }

  /** Unless a tape records, nothing inside a block is needed again, and its memory can go at once. */
  private static Tensor through(Block block, Tensor x, Fade fade) {
    if (Tape.recording()) {
      return block.apply(x, fade);
    }
    try (Scope scope = Scope.open()) {
      return scope.keep(block.apply(x, fade));
    }
  }

  /**
   * For each block that has a router, the share that every expert gets, averaged over all tokens and before it fades: [K], sums to 1.
   */
  public List<Tensor> routing(Tensor images, double alpha) {
    List<Tensor> states = hiddenStates(images, new Fade.Constant(alpha));
    return IntStream.range(0, depth()).mapToObj(i -> blocks.get(i).routing(states.get(i))).flatMap(Optional::stream).toList();
  }

  /** Tokens through the final norm, where there is one. */
  public Tensor normed(Tensor tokens) {
    return norm.map(n -> n.apply(tokens)).orElse(tokens);
  }

  /** The pooled feature [B, featureDim] that the head sees, of {@link #tokens}. */
  public Tensor pool(Tensor tokens) {
    Tensor feature = switch (config.pooling()) {
      case TOKEN -> tokens.select(1, 0);
      case AVERAGE -> average(tokens);
      case TOKEN_AND_AVERAGE -> new Concat(1).apply(tokens.select(1, 0), average(tokens));
    };
    return featureNorm.map(n -> n.apply(feature)).orElse(feature);
  }

  private Tensor average(Tensor tokens) {
    return tokens.slice(1, prefix, tokens.dim(1)).mean(1);
  }

  /** Logits of a pooled feature, in the type of the head's weights; the feature itself when there is no head. */
  public Tensor head(Tensor pooled) {
    Tensor feature = weights.find("head.weight").map(w -> pooled.cast(w.dtype())).orElse(pooled);
    Tensor seen = weights.find("pre_logits.fc.weight").isPresent()
        ? Projection.plain(weights, "pre_logits.fc").apply(feature).map(Unary.Fn.TANH)
        : feature;
    return weights.find("head.weight").isPresent() ? Projection.plain(weights, "head").apply(seen) : seen;
  }

  /** Logits of {@link #tokens}; of a distilled network, the mean of what its two heads say (DeiT). */
  public Tensor logits(Tensor tokens) {
    Tensor logits = head(pool(tokens));
    return weights.find("head_dist.weight").isPresent()
        ? logits.add(Projection.plain(weights, "head_dist").apply(tokens.select(1, 1))).mul(0.5)
        : logits;
  }

  /** The same network with another head, weight [classes, featureDim] and bias [classes], in place of all it had. */
  public Vit withHead(Tensor weight, Tensor bias) {
    Map<String, Tensor> all = new LinkedHashMap<>(weights.asMap());
    all.keySet().removeIf(name -> name.startsWith("head") || name.startsWith("pre_logits"));
    all.put("head.weight", weight);
    all.put("head.bias", bias);
    return new Vit(new Weights(all), config);
  }

  /**
   * The same network for a grid of {@code rows}×{@code columns} patches, its position embedding resized from another grid.
   *
   * @throws TenonException when the position embedding is not for that other grid
   */
  public Vit withGrid(int oldRows, int oldColumns, int rows, int columns, PositionResize resize) {
    Tensor position = resize.apply(weights.get("pos_embed"), prefix, oldRows, oldColumns, rows, columns);
    return new Vit(weights.with(Map.of("pos_embed", position)), config);
  }

  /** Tokens [B, N, dim] of images before the first block: patches, class token first, position embedding added. */
  private Tensor embed(Tensor images) {
    Tensor patches = PatchEmbedding.of(weights, "patch_embed.proj").apply(images);
    List<Tensor> parts = new ArrayList<>();
    Stream.of("cls_token", "dist_token").flatMap(name -> weights.find(name).stream())
        .forEach(token -> parts.add(token.expand(Shape.of(patches.dim(0), 1, patches.dim(2)))));
    parts.add(patches);
    Tensor tokens = parts.size() == 1 ? patches : new Concat(1).applyAll(parts).getFirst();
    Tensor position = weights.get("pos_embed");
    if (position.dim(1) != tokens.dim(1)) {
      throw new TenonException("images of " + images.dim(2) + "×" + images.dim(3) + " give " + tokens.dim(1)
          + " tokens, but the position embedding is for " + position.dim(1) + "; load the weights for this image size");
    }
    Tensor placed = tokens.add(position);
    return preNorm.map(n -> n.apply(placed)).orElse(placed);
  }
}
