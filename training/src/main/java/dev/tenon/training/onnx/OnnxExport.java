package dev.tenon.training.onnx;

import dev.tenon.engine.DType;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.io.AtomicFile;
import dev.tenon.engine.op.Unary;
import dev.tenon.model.Weights;
import dev.tenon.model.vit.Vit;
import dev.tenon.model.vit.VitConfig;
import dev.tenon.training.proto.ProtoMessage;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Writes a plain ViT as an ONNX model (operator set 17): input {@code images} [batch, 3, H, W], output {@code logits}
 * [batch, classes], both F32; the batch is free, the image size is the one the position embedding is for.
 */
public final class OnnxExport {
  private static final int OPSET = 17;
  private static final long PROTOBUF_LIMIT = Integer.MAX_VALUE;

  private final OnnxGraph graph = new OnnxGraph("vit");
  private final Weights weights;
  private final VitConfig config;
  private final int depth;

  private OnnxExport(Vit vit) {
    this.weights = vit.weights();
    this.config = vit.config();
    this.depth = vit.depth();
  }

  /**
   * Writes {@code vit}, or leaves what was there.
   *
   * @param height of the images in pixels
   * @param width of the images in pixels
   * @param metadata facts kept in the file, such as class names
   * @throws TenonException when the network has adapters, parts without a rule here, or is too large for the format
   */
  public static void write(Path file, Vit vit, int height, int width, Map<String, String> metadata) {
    try (Scope _ = Scope.open(); Tape _ = Tape.pause()) {
      ProtoMessage model = new OnnxExport(vit).model(height, width, metadata);
      if (model.size() > PROTOBUF_LIMIT) {
        throw new TenonException(file + ": the network takes " + model.size() + " bytes, and an ONNX file holds at most "
            + PROTOBUF_LIMIT + "; export a smaller network");
      }
      AtomicFile.write(file, model::writeTo);
    }
  }

  private ProtoMessage model(int height, int width, Map<String, String> metadata) {
    refuse("lora", "adapters; merge them first");
    refuse("dist_token", "a distillation token, which this export has no rule for");
    refuse("pre_logits", "a layer between feature and head, which this export has no rule for");
    refuse("norm_pre", "a norm before its blocks, which this export has no rule for");
    Tensor kernel = weights.get("patch_embed.proj.weight");
    String images = graph.input("images", Shape.of(kernel.dim(1), height, width));
    String x = embed(images, kernel);
    for (int i = 0; i < depth; i++) {
      x = block("blocks." + i + ".", x);
    }
    String feature = pool(has("norm.weight") ? norm("norm", x) : x);
    String logits = linear("head", has("fc_norm.weight") ? norm("fc_norm", feature) : feature);
    graph.output("logits", logits, Shape.of(weights.get("head.weight").dim(0)));
    return graph.model(OPSET, metadata);
  }

  private void refuse(String part, String what) {
    if (weights.asMap().keySet().stream().anyMatch(name -> name.contains(part))) {
      throw new TenonException("this network has " + what);
    }
  }

  private boolean has(String name) {
    return weights.find(name).isPresent();
  }

  /** Patches by a convolution whose stride is its kernel, class token first, position embedding added. */
  private String embed(String images, Tensor kernel) {
    var attributes = OnnxGraph.Attributes.ints("kernel_shape", kernel.dim(2), kernel.dim(3))
        .andInts("strides", kernel.dim(2), kernel.dim(3));
    String maps = graph.call("Conv", attributes, images, stored("patch_embed.proj.weight"), stored("patch_embed.proj.bias"));
    long dim = kernel.dim(0);
    String rows = graph.call("Reshape", maps, graph.longs(0, dim, -1));
    String tokens = graph.call("Transpose", OnnxGraph.Attributes.ints("perm", 0, 2, 1), rows);
    if (has("cls_token")) {
      String batch = graph.call("Shape", OnnxGraph.Attributes.integer("start", 0).andInteger("end", 1), images);
      String shape = graph.concat(0, List.of(batch, graph.longs(1, dim)));
      tokens = graph.concat(1, List.of(graph.call("Expand", stored("cls_token"), shape), tokens));
    }
    return graph.call("Add", tokens, stored("pos_embed"));
  }

  private String block(String at, String x) {
    String attended = graph.call("Add", x, scaled(at + "ls1.gamma", attention(at + "attn.", norm(at + "norm1", x))));
    String hidden = gelu(linear(at + "mlp.fc1", norm(at + "norm2", attended)));
    return graph.call("Add", attended, scaled(at + "ls2.gamma", linear(at + "mlp.fc2", hidden)));
  }

  private String attention(String at, String x) {
    long dim = weights.get(at + "proj.weight").dim(0);
    long headDim = dim / config.heads();
    String qkv = graph.call("Reshape", linear(at + "qkv", x), graph.longs(0, 0, 3, config.heads(), headDim));
    String parts = graph.call("Transpose", OnnxGraph.Attributes.ints("perm", 2, 0, 3, 1, 4), qkv);
    String q = graph.call("Gather", parts, graph.index(0));
    String k = graph.call("Gather", parts, graph.index(1));
    String v = graph.call("Gather", parts, graph.index(2));
    String keys = graph.call("Transpose", OnnxGraph.Attributes.ints("perm", 0, 1, 3, 2), k);
    String scores = graph.call("Mul", graph.call("MatMul", q, keys), graph.constant(1 / Math.sqrt(headDim)));
    String shares = graph.call("Softmax", OnnxGraph.Attributes.integer("axis", -1), scores);
    String mixed = graph.call(
        "Transpose", OnnxGraph.Attributes.ints("perm", 0, 2, 1, 3), graph.call("MatMul", shares, v));
    return linear(at + "proj", graph.call("Reshape", mixed, graph.longs(0, 0, dim)));
  }

  private String scaled(String gamma, String x) {
    return has(gamma) ? graph.call("Mul", x, stored(gamma)) : x;
  }

  /** The activation, spelled out: GELU became an operator of its own only in set 20. */
  private String gelu(String x) {
    if (config.activation() != Unary.Fn.GELU) {
      throw new TenonException("this network has the activation " + config.activation() + ", and the export knows GELU only");
    }
    String erf = graph.call("Erf", graph.call("Div", x, graph.constant(Math.sqrt(2))));
    String twice = graph.call("Mul", x, graph.call("Add", erf, graph.constant(1)));
    return graph.call("Mul", twice, graph.constant(0.5));
  }

  private String norm(String name, String x) {
    var attributes = OnnxGraph.Attributes.integer("axis", -1).andNumber("epsilon", config.eps());
    return graph.call("LayerNormalization", attributes, x, stored(name + ".weight"), stored(name + ".bias"));
  }

  private String pool(String tokens) {
    return switch (config.pooling()) {
      case TOKEN -> token(tokens);
      case AVERAGE -> average(tokens);
      case TOKEN_AND_AVERAGE -> graph.concat(1, List.of(token(tokens), average(tokens)));
    };
  }

  private String token(String tokens) {
    return graph.call("Gather", OnnxGraph.Attributes.integer("axis", 1), tokens, graph.index(0));
  }

  private String average(String tokens) {
    int prefix = has("cls_token") ? 1 : 0;
    String patches = graph.call("Slice", tokens, graph.longs(prefix), graph.longs(Long.MAX_VALUE), graph.longs(1));
    return graph.call("ReduceMean", OnnxGraph.Attributes.ints("axes", 1).andInteger("keepdims", 0), patches);
  }

  private String linear(String name, String x) {
    Tensor transposed = f32(weights.get(name + ".weight")).transpose(0, 1).contiguous();
    String product = graph.call("MatMul", x, graph.constant(name + ".weight.transposed", transposed));
    Optional<Tensor> bias = weights.find(name + ".bias");
    return bias.isPresent() ? graph.call("Add", product, stored(name + ".bias")) : product;
  }

  /** The weight {@code name} as a constant. */
  private String stored(String name) {
    return graph.constant(name, f32(weights.get(name)).contiguous());
  }

  private static Tensor f32(Tensor tensor) {
    return tensor.detach().cast(DType.F32);
  }
}
