package dev.tenon.model.swin;

import dev.tenon.engine.Scope;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.model.Fade;
import dev.tenon.model.Network;
import dev.tenon.model.Norm;
import dev.tenon.model.PatchEmbedding;
import dev.tenon.model.Projection;
import dev.tenon.model.Weights;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * A Swin Transformer (Liu et al., 2021) over named tensors: attention within windows, which every second block moves, on maps that get
 * half as high and wide from stage to stage; or its second version (Liu et al., 2022). The names are those of its authors.
 */
public final class Swin implements Network {
  private final Weights weights;
  private final SwinConfig config;
  private final Norm embeddingNorm;
  private final List<Stage> stages = new ArrayList<>();
  private final Norm norm;
  private final Optional<Ready> ready;

  /** The biases of all blocks one after the other, for images of that size. */
  private record Ready(long height, long width, List<Tensor> biases) {}

  /** Blocks on maps of one size, and what leads to the next. */
  private record Stage(List<Block> blocks, Optional<Merging> merging) {
    /** Side of its windows. */
    int window() {
      return blocks.getFirst().positions().side();
    }
  }

  /**
   * A network over {@code weights}, in the current scope; their memory must outlive it.
   *
   * @throws TenonException when a tensor the architecture needs is missing
   */
  public Swin(Weights weights, SwinConfig config) {
    this(weights, config, Optional.empty());
  }

  private Swin(Weights weights, SwinConfig config, Optional<Ready> ready) {
    this.ready = ready;
    this.weights = weights;
    this.config = config;
    this.embeddingNorm = Norm.of(weights, "patch_embed.norm", config.eps());
    for (int i = 0; i == 0 || weights.find(block(i, 0) + "norm1.weight").isPresent(); i++) {
      List<Block> blocks = new ArrayList<>();
      for (int j = 0; j == 0 || weights.find(block(i, j) + "norm1.weight").isPresent(); j++) {
        blocks.add(Block.of(weights, block(i, j), config));
      }
      String merging = "layers." + i + ".downsample.";
      stages.add(new Stage(blocks,
          weights.find(merging + "reduction.weight").map(_ -> Merging.of(weights, merging, config.eps()))));
    }
    this.norm = Norm.of(weights, "norm", config.eps());
  }

  private static String block(int stage, int block) {
    return "layers." + stage + ".blocks." + block + ".";
  }

  @Override
  public Weights weights() {
    return weights;
  }

  public SwinConfig config() {
    return config;
  }

  /** Width of the feature that {@link #pool} gives. */
  public long featureDim() {
    return weights.get("norm.weight").dim(0);
  }

  /** Logits [B, classes] of images [B, 3, H, W]. */
  public Tensor forward(Tensor images) {
    return head(pool(states(images).getLast()));
  }

  /** The same: it has no routers. */
  @Override
  public Tensor forward(Tensor images, Fade fade) {
    return forward(images);
  }

  /** The map [B, rows, columns, dim] that each stage's last block leaves, for dense predictions. */
  public List<Tensor> features(Tensor images) {
    List<Tensor> states = states(images);
    return IntStream.range(0, stages.size()).mapToObj(i -> states.get(2 * i + 1)).toList();
  }

  /** Maps [B, rows, columns, dim]: of the patches, then after the blocks of each stage and after each merging in between. */
  public List<Tensor> states(Tensor images) {
    PatchEmbedding embedding = PatchEmbedding.of(weights, "patch_embed.proj");
    ready.filter(r -> r.height != images.dim(2) || r.width != images.dim(3)).ifPresent(r -> {
      throw new TenonException("this Swin is ready for images of " + r.height + "×" + r.width + ", but they are " + images.shape()
          + "; use the network it was made from");
    });
    List<Tensor> states = new ArrayList<>(List.of(alone(() -> {
      Tensor patches = embeddingNorm.apply(embedding.apply(images));
      return patches.reshape(images.dim(0), images.dim(2) / embedding.patch().dim(0), -1, patches.dim(2));
    })));
    Iterator<Tensor> biases = ready.map(r -> r.biases.iterator()).orElse(Collections.emptyIterator());
    for (Stage stage : stages) {
      states.add(through(stage, states.getLast(), biases));
      stage.merging.ifPresent(merging -> states.add(alone(() -> merging.apply(states.getLast()))));
    }
    return states;
  }

  /** {@code biases} are those of this and all later stages, or none. */
  private Tensor through(Stage stage, Tensor map, Iterator<Tensor> biases) {
    Tiling[] tilings = tilings(stage, map.dim(1), map.dim(2));
    Tensor offsets = tilings[0].offsets();
    Tensor x = map;
    for (int j = 0; j < stage.blocks.size(); j++) {
      Block block = stage.blocks.get(j);
      Tiling tiling = tilings[j % 2];
      Tensor before = x;
      x = alone(() -> block.apply(before, tiling, biases.hasNext() ? biases.next() : tiling.bias(block.positions().table(), offsets)));
    }
    return x;
  }

  /** That of blocks 0, 2, …, and that of blocks 1, 3, …. */
  private Tiling[] tilings(Stage stage, long rows, long columns) {
    return new Tiling[] {
        Tiling.of(rows, columns, stage.window(), config.shifting(), false),
        Tiling.of(rows, columns, stage.window(), config.shifting(), true)};
  }

  /** Unless a tape records, nothing inside a part is needed again, and its memory can go at once. */
  private static Tensor alone(Supplier<Tensor> part) {
    if (Tape.recording()) {
      return part.get();
    }
    try (Scope scope = Scope.open()) {
      return scope.keep(part.get());
    }
  }

  /** The pooled feature [B, featureDim] that the head sees, of the last of {@link #states}. */
  public Tensor pool(Tensor map) {
    return norm.apply(map).mean(1, 2);
  }

  /** Logits of a pooled feature, in the type of the head's weights; the feature itself when there is no head. */
  public Tensor head(Tensor pooled) {
    return weights.find("head.weight").map(w -> Projection.plain(weights, "head").apply(pooled.cast(w.dtype()))).orElse(pooled);
  }

  @Override
  public Swin with(Weights others) {
    return new Swin(others, config);
  }

  /** The same network with another head, weight [classes, featureDim] and bias [classes]. */
  public Swin withHead(Tensor weight, Tensor bias) {
    return with(weights.with(Map.of("head.weight", weight, "head.bias", bias)));
  }

  /**
   * The same network for images of {@code height}×{@code width} pixels and no others, which has the biases of its attention worked out
   * beforehand, in the current scope: for inference, as those biases do not learn.
   */
  public Swin readyFor(long height, long width) {
    List<Tensor> biases = new ArrayList<>();
    long rows = height / PatchEmbedding.of(weights, "patch_embed.proj").patch().dim(0);
    long columns = width / PatchEmbedding.of(weights, "patch_embed.proj").patch().dim(1);
    for (Stage stage : stages) {
      Tiling[] tilings = tilings(stage, rows, columns);
      Tensor offsets = tilings[0].offsets();
      for (int j = 0; j < stage.blocks.size(); j++) {
        biases.add(tilings[j % 2].bias(stage.blocks.get(j).positions().table(), offsets).detach());
      }
      rows = (rows + 1) / 2;
      columns = (columns + 1) / 2;
    }
    return new Swin(weights, config, Optional.of(new Ready(height, width, biases)));
  }
}
