package dev.tenon.model.vit;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.random.Philox;
import dev.tenon.model.Weights;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.LongToDoubleFunction;

/**
 * The sizes of a ViT, and with them the name and shape of its every tensor: to draw random ones, to count them, to tell what a file
 * lacks.
 *
 * @param patch pixels a patch is made of, [channels, height, width]
 * @param patches number of patches an image is cut into
 * @param dim width of the tokens
 * @param depth number of blocks
 * @param hidden width inside an MLP
 * @param representation width of the layer between the feature and the head; 0 without one
 * @param classes of the head; 0 without a head
 * @param parts what else there is
 */
public record VitSizes(
    Shape patch, long patches, long dim, int depth, long hidden, long representation, long classes, Set<Part> parts) {
  private static final double STD = 0.02;
  private static final double CLASS_TOKEN_STD = 1e-6;
  private static final double LAYER_SCALE = 1e-5;

  /** Parts that a ViT has or has not. */
  public enum Part {
    CLASS_TOKEN("cls_token"),
    /** A second token, taught by another network (DeiT). */
    DISTILLATION_TOKEN("dist_token"),
    PATCH_BIAS("patch_embed.proj.bias"),
    /** A norm before the first block (CLIP). */
    PRE_NORM("norm_pre.weight"),
    QKV_BIAS("blocks.0.attn.qkv.bias"),
    LAYER_SCALE("blocks.0.ls1.gamma"),
    /** A norm of all tokens after the last block. */
    NORM("norm.weight"),
    /** A norm of the pooled feature. */
    FEATURE_NORM("fc_norm.weight"),
    HEAD_BIAS("head.bias"),
    /** The head of the distillation token. */
    DISTILLATION_HEAD("head_dist.weight"),
    /** The head sees the class token beside the mean of the patches (DINOv2). */
    WIDE_HEAD("");

    private final String sign;

    Part(String sign) {
      this.sign = sign;
    }
  }

  public VitSizes {
    parts = Set.copyOf(parts);
  }

  /** A plain ViT with a class token: every layer with a bias, one norm at the end, a head if there are classes. */
  public static VitSizes plain(Shape patch, long patches, long dim, int depth, long hidden, long classes) {
    return new VitSizes(patch, patches, dim, depth, hidden, 0, classes,
        EnumSet.of(Part.CLASS_TOKEN, Part.PATCH_BIAS, Part.QKV_BIAS, Part.NORM, Part.HEAD_BIAS));
  }

  /** The sizes that tensors of these names and shapes suggest; those of a damaged set fit nothing. */
  static VitSizes of(Map<String, Shape> shapes) {
    Set<Part> parts = EnumSet.noneOf(Part.class);
    for (Part part : Part.values()) {
      if (shapes.containsKey(part.sign)) {
        parts.add(part);
      }
    }
    int depth = shapes.keySet().stream()
        .filter(name -> name.startsWith("blocks."))
        .mapToInt(name -> Integer.parseInt(name.substring("blocks.".length(), name.indexOf('.', "blocks.".length()))) + 1)
        .max().orElse(0);
    Shape kernel = shapes.getOrDefault("patch_embed.proj.weight", Shape.of());
    long dim = extent(shapes, "patch_embed.proj.weight", 0);
    long representation = extent(shapes, "pre_logits.fc.weight", 0);
    if (representation == 0 && dim > 0 && extent(shapes, "head.weight", 1) == 2 * dim) {
      parts.add(Part.WIDE_HEAD);
    }
    long patches = Math.max(0, extent(shapes, "pos_embed", 1) - prefix(parts));
    return new VitSizes(kernel.rank() == 4 ? kernel.slice(1, 4) : Shape.of(0, 0, 0), patches, dim, depth,
        extent(shapes, "blocks.0.mlp.fc1.weight", 0), representation, extent(shapes, "head.weight", 0), parts);
  }

  /** Extent of a dimension that may not exist, and is 0 then. */
  private static long extent(Map<String, Shape> shapes, String name, int dimension) {
    Shape shape = shapes.getOrDefault(name, Shape.of());
    return dimension < shape.rank() ? shape.dim(dimension) : 0;
  }

  private static int prefix(Set<Part> parts) {
    return (parts.contains(Part.CLASS_TOKEN) ? 1 : 0) + (parts.contains(Part.DISTILLATION_TOKEN) ? 1 : 0);
  }

  /** These sizes with {@code part} beside the others. */
  public VitSizes with(Part part) {
    Set<Part> more = EnumSet.of(part);
    more.addAll(parts);
    return new VitSizes(patch, patches, dim, depth, hidden, representation, classes, more);
  }

  /** These sizes without {@code part}. */
  public VitSizes without(Part part) {
    Set<Part> fewer = EnumSet.of(part, parts.toArray(Part[]::new));
    fewer.remove(part);
    return new VitSizes(patch, patches, dim, depth, hidden, representation, classes, fewer);
  }

  /** Number of tokens before those of the patches. */
  public int prefix() {
    return prefix(parts);
  }

  /** The shape of every tensor by its timm name. */
  public SequencedMap<String, Shape> tensors() {
    SequencedMap<String, Shape> all = new LinkedHashMap<>();
    put(all, Part.CLASS_TOKEN, "cls_token", 1, 1, dim);
    put(all, Part.DISTILLATION_TOKEN, "dist_token", 1, 1, dim);
    all.put("pos_embed", Shape.of(1, prefix() + patches, dim));
    all.put("patch_embed.proj.weight", Shape.of(dim).concat(patch));
    put(all, Part.PATCH_BIAS, "patch_embed.proj.bias", dim);
    if (parts.contains(Part.PRE_NORM)) {
      norm(all, "norm_pre");
    }
    for (int i = 0; i < depth; i++) {
      block(all, "blocks." + i + ".");
    }
    if (parts.contains(Part.NORM)) {
      norm(all, "norm");
    }
    if (parts.contains(Part.FEATURE_NORM)) {
      norm(all, "fc_norm");
    }
    long feature = parts.contains(Part.WIDE_HEAD) ? 2 * dim : dim;
    if (representation > 0) {
      linear(all, "pre_logits.fc", representation, feature);
    }
    if (classes > 0) {
      all.put("head.weight", Shape.of(classes, representation > 0 ? representation : feature));
      put(all, Part.HEAD_BIAS, "head.bias", classes);
    }
    if (parts.contains(Part.DISTILLATION_HEAD)) {
      linear(all, "head_dist", classes, dim);
    }
    return all;
  }

  private void block(Map<String, Shape> all, String at) {
    norm(all, at + "norm1");
    all.put(at + "attn.qkv.weight", Shape.of(3 * dim, dim));
    put(all, Part.QKV_BIAS, at + "attn.qkv.bias", 3 * dim);
    linear(all, at + "attn.proj", dim, dim);
    put(all, Part.LAYER_SCALE, at + "ls1.gamma", dim);
    norm(all, at + "norm2");
    linear(all, at + "mlp.fc1", hidden, dim);
    linear(all, at + "mlp.fc2", dim, hidden);
    put(all, Part.LAYER_SCALE, at + "ls2.gamma", dim);
  }

  private void put(Map<String, Shape> all, Part part, String name, long... shape) {
    if (parts.contains(part)) {
      all.put(name, Shape.of(shape));
    }
  }

  private void norm(Map<String, Shape> all, String name) {
    all.put(name + ".weight", Shape.of(dim));
    all.put(name + ".bias", Shape.of(dim));
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
   * Weights to start from, in the current scope: linear layers and positions from a normal of deviation 0.02, the class token from one
   * of 1e-6, patches from one of 1/√(pixels of a patch), biases 0, norms 1, layer scales 1e-5.
   */
  public Weights random(DType dtype, long seed) {
    return random(dtype, seed, STD);
  }

  /**
   * As {@link #random(DType, long)} with a deviation of linear layers and positions to choose: 0.02 is for widths like 768, and narrow
   * networks learn sooner with more, such as {@code 0.02·√(768/dim)}.
   */
  public Weights random(DType dtype, long seed, double std) {
    Philox random = Philox.of(seed);
    Map<String, Tensor> weights = new LinkedHashMap<>();
    tensors().forEach((name, shape) -> weights.put(name, random(name, shape, dtype, random, std)));
    return new Weights(weights);
  }

  private Tensor random(String name, Shape shape, DType dtype, Philox random, double linearStd) {
    if (name.endsWith(".bias")) {
      return Tensor.zeros(dtype, shape);
    }
    if (shape.rank() == 1) {
      return Tensor.full(dtype, shape, name.endsWith(".gamma") ? LAYER_SCALE : 1);
    }
    double std = switch (name) {
      case "cls_token" -> CLASS_TOKEN_STD;
      case "patch_embed.proj.weight" -> 1 / Math.sqrt(patch.size());
      default -> linearStd;
    };
    LongToDoubleFunction normal = random.split(name).truncatedNormal(std, -2, 2);
    double[] values = new double[Math.toIntExact(shape.size())];
    Arrays.setAll(values, normal::applyAsDouble);
    return Tensor.of(dtype, shape, values);
  }
}
