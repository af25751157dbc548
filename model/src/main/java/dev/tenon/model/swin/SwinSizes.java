package dev.tenon.model.swin;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.Weights;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * The sizes of a Swin, and with them the name and shape of its every tensor: to draw random ones, to count them, to tell what a file lacks.
 *
 * @param patch pixels a patch is made of, [channels, height, width]
 * @param dim width of the first stage's tokens; each later stage has twice that of the one before
 * @param stages the stages one after the other
 * @param ratio of the width inside an MLP to that of its tokens
 * @param classes of the head; 0 without a head
 * @param version 1, or 2, whose windows have no sizes here
 */
public record SwinSizes(Shape patch, long dim, List<Stage> stages, double ratio, long classes, int version) {
  /** Width inside the network of relative positions. */
  private static final long POSITIONS = 512;
  private static final double STD = 0.02;
  private static final double SCALE = 10;

  /**
   * One stage.
   *
   * @param depth number of blocks
   * @param heads attention heads
   * @param window side of its windows
   */
  public record Stage(int depth, int heads, int window) {}

  public SwinSizes {
    stages = List.copyOf(stages);
  }

  /** Of the first version. */
  public SwinSizes(Shape patch, long dim, List<Stage> stages, double ratio, long classes) {
    this(patch, dim, stages, ratio, classes, 1);
  }

  /** Side of the windows whose relative positions a table [offsets, heads] is for; 0 if there is none. */
  static int window(Shape table) {
    int side = ((int) Math.round(Math.sqrt(table.rank() == 2 ? table.dim(0) : 0)) + 1) / 2;
    return table.rank() == 2 && (2L * side - 1) * (2L * side - 1) == table.dim(0) ? side : 0;
  }

  /** The sizes that tensors of these names and shapes suggest; those of a damaged set fit nothing. */
  static SwinSizes of(Map<String, Shape> shapes) {
    Shape kernel = shapes.getOrDefault("patch_embed.proj.weight", Shape.of());
    long dim = extent(shapes, "patch_embed.proj.weight", 0);
    boolean second = shapes.containsKey("layers.0.blocks.0." + Block.LOG_SCALE);
    List<Stage> stages = new ArrayList<>();
    for (int i = 0; i == 0 || has(shapes, "layers." + i + ".blocks."); i++) {
      int depth = 0;
      while (depth == 0 || has(shapes, "layers." + i + ".blocks." + depth + ".")) {
        depth++;
      }
      String first = "layers." + i + ".blocks.0.";
      Shape table = shapes.getOrDefault(first + Positions.TABLE, Shape.of());
      long heads = second ? extent(shapes, first + Block.LOG_SCALE, 0) : extent(shapes, first + Positions.TABLE, 1);
      stages.add(new Stage(depth, (int) heads, window(table)));
    }
    return new SwinSizes(kernel.rank() == 4 ? kernel.slice(1, 4) : Shape.of(0, 0, 0), dim, stages,
        (double) extent(shapes, "layers.0.blocks.0.mlp.fc1.weight", 0) / Math.max(1, dim), extent(shapes, "head.weight", 0),
        second ? 2 : 1);
  }

  private static boolean has(Map<String, Shape> shapes, String prefix) {
    return shapes.keySet().stream().anyMatch(name -> name.startsWith(prefix));
  }

  /** Extent of a dimension that may not exist, and is 0 then. */
  private static long extent(Map<String, Shape> shapes, String name, int dimension) {
    Shape shape = shapes.getOrDefault(name, Shape.of());
    return dimension < shape.rank() ? shape.dim(dimension) : 0;
  }

  /** Width of the tokens of stage {@code i}. */
  public long dim(int i) {
    return dim << i;
  }

  /** The shape of every tensor by its name. */
  public SequencedMap<String, Shape> tensors() {
    SequencedMap<String, Shape> all = new LinkedHashMap<>();
    all.put("patch_embed.proj.weight", Shape.of(dim).concat(patch));
    all.put("patch_embed.proj.bias", Shape.of(dim));
    norm(all, "patch_embed.norm", dim);
    for (int i = 0; i < stages.size(); i++) {
      for (int j = 0; j < stages.get(i).depth; j++) {
        block(all, "layers." + i + ".blocks." + j + ".", dim(i), stages.get(i));
      }
      if (i + 1 < stages.size()) {
        norm(all, "layers." + i + ".downsample.norm", (version == 1 ? 4 : 2) * dim(i));
        all.put("layers." + i + ".downsample.reduction.weight", Shape.of(2 * dim(i), 4 * dim(i)));
      }
    }
    norm(all, "norm", dim(stages.size() - 1));
    if (classes > 0) {
      linear(all, "head", classes, dim(stages.size() - 1));
    }
    return all;
  }

  private void block(Map<String, Shape> all, String at, long width, Stage stage) {
    norm(all, at + "norm1", width);
    if (version == 1) {
      linear(all, at + "attn.qkv", 3 * width, width);
      all.put(at + Positions.TABLE, Shape.of((2L * stage.window - 1) * (2L * stage.window - 1), stage.heads));
    } else {
      all.put(at + "attn.qkv.weight", Shape.of(3 * width, width));
      all.put(at + "attn.q_bias", Shape.of(width));
      all.put(at + "attn.v_bias", Shape.of(width));
      all.put(at + Block.LOG_SCALE, Shape.of(stage.heads, 1, 1));
      linear(all, at + Positions.MLP + "0", POSITIONS, 2);
      all.put(at + Positions.MLP + "2.weight", Shape.of(stage.heads, POSITIONS));
    }
    linear(all, at + "attn.proj", width, width);
    norm(all, at + "norm2", width);
    linear(all, at + "mlp.fc1", Math.round(ratio * width), width);
    linear(all, at + "mlp.fc2", width, Math.round(ratio * width));
  }

  private static void norm(Map<String, Shape> all, String name, long width) {
    all.put(name + ".weight", Shape.of(width));
    all.put(name + ".bias", Shape.of(width));
  }

  private static void linear(Map<String, Shape> all, String name, long out, long in) {
    all.put(name + ".weight", Shape.of(out, in));
    all.put(name + ".bias", Shape.of(out));
  }

  /** Number of values in all tensors. */
  public long parameters() {
    return tensors().values().stream().mapToLong(Shape::size).sum();
  }

  /**
   * Weights to start from, in the current scope: linear layers and tables from a normal of deviation 0.02, patches from one of 1/√(pixels
   * of a patch), biases 0, norms 1, the scale of cosines 10.
   */
  public Weights random(DType dtype, long seed) {
    Philox random = Philox.of(seed);
    Map<String, Tensor> weights = new LinkedHashMap<>();
    tensors().forEach((name, shape) -> {
      if (shape.rank() == 1 || name.endsWith(Block.LOG_SCALE)) {
        weights.put(name, Tensor.full(dtype, shape, shape.rank() > 1 ? Math.log(SCALE) : name.endsWith("bias") ? 0 : 1));
        return;
      }
      double std = name.startsWith("patch_embed") ? 1 / Math.sqrt(patch.size()) : STD;
      double[] values = new double[Math.toIntExact(shape.size())];
      Arrays.setAll(values, random.split(name).truncatedNormal(std, -2, 2)::applyAsDouble);
      weights.put(name, Tensor.of(dtype, shape, values));
    });
    return new Weights(weights);
  }
}
