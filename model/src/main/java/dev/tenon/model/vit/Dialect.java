package dev.tenon.model.vit;

import dev.tenon.engine.op.Unary;
import dev.tenon.model.NameTable;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The ways in which a ViT is written down, each with what its library takes for granted. */
enum Dialect {
  TIMM(NameScheme.TIMM, 1e-6, Unary.Fn.GELU, PositionResize.ANTIALIAS_BICUBIC, List.of(""), """
      cls_token
      dist_token
      pos_embed
      patch_embed.proj.*
      norm_pre.*
      blocks.#.norm1.*
      blocks.#.attn.qkv.*
      blocks.#.attn.proj.*
      blocks.#.ls1.gamma
      blocks.#.norm2.*
      blocks.#.mlp.fc1.*
      blocks.#.mlp.fc2.*
      blocks.#.ls2.gamma
      norm.*
      fc_norm.*
      pre_logits.fc.*
      head.*
      head_dist.*
      - <- mask_token
      """),

  TORCHVISION(NameScheme.TORCHVISION, 1e-6, Unary.Fn.GELU, PositionResize.ALIGNED_BICUBIC, List.of(""), """
      cls_token <- class_token
      pos_embed <- encoder.pos_embedding
      patch_embed.proj.* <- conv_proj.*
      blocks.#.norm1.* <- encoder.layers.encoder_layer_#.ln_1.*
      blocks.#.attn.qkv.* <- encoder.layers.encoder_layer_#.self_attention.in_proj_*
      blocks.#.attn.proj.* <- encoder.layers.encoder_layer_#.self_attention.out_proj.*
      blocks.#.norm2.* <- encoder.layers.encoder_layer_#.ln_2.*
      blocks.#.mlp.fc1.* <- encoder.layers.encoder_layer_#.mlp.0.*
      blocks.#.mlp.fc2.* <- encoder.layers.encoder_layer_#.mlp.3.*
      blocks.#.mlp.fc1.* <- encoder.layers.encoder_layer_#.mlp.linear_1.*
      blocks.#.mlp.fc2.* <- encoder.layers.encoder_layer_#.mlp.linear_2.*
      norm.* <- encoder.ln.*
      pre_logits.fc.* <- heads.pre_logits.*
      head.* <- heads.head.*
      """),

  HF_VIT(NameScheme.HUGGINGFACE, 1e-12, Unary.Fn.GELU, PositionResize.BICUBIC, List.of("vit.", ""),
      Rows.EMBEDDINGS + Rows.ENCODER_ATTENTION + Rows.ENCODER_MLP + Rows.CLASSIFIER),

  HF_DEIT(NameScheme.HUGGINGFACE, 1e-12, Unary.Fn.GELU, PositionResize.BICUBIC, List.of("deit.", ""),
      Rows.EMBEDDINGS + Rows.DISTILLATION + Rows.CLASSIFIER + Rows.ENCODER_ATTENTION + Rows.ENCODER_MLP),

  /** ViT and DeiT as transformers 5 keeps them in memory. */
  HF_LAYERS(NameScheme.HUGGINGFACE, 1e-12, Unary.Fn.GELU, PositionResize.BICUBIC, List.of("vit.", "deit.", ""),
      Rows.EMBEDDINGS + Rows.DISTILLATION + Rows.CLASSIFIER + """
          blocks.#.norm1.* <- ~layers.#.layernorm_before.*
          blocks.#.attn.qkv.* <- ~layers.#.attention.q_proj.*, ~layers.#.attention.k_proj.*, ~layers.#.attention.v_proj.*
          blocks.#.attn.proj.* <- ~layers.#.attention.o_proj.*
          blocks.#.norm2.* <- ~layers.#.layernorm_after.*
          blocks.#.mlp.fc1.* <- ~layers.#.mlp.fc1.*
          blocks.#.mlp.fc2.* <- ~layers.#.mlp.fc2.*
          """),

  HF_DINOV2(NameScheme.HUGGINGFACE, 1e-6, Unary.Fn.GELU, PositionResize.BICUBIC, List.of("dinov2.", ""),
      Rows.EMBEDDINGS + Rows.ENCODER_ATTENTION + Rows.CLASSIFIER + """
          blocks.#.norm1.* <- ~encoder.layer.#.norm1.*
          blocks.#.ls1.gamma <- ~encoder.layer.#.layer_scale1.lambda1
          blocks.#.norm2.* <- ~encoder.layer.#.norm2.*
          blocks.#.mlp.fc1.* <- ~encoder.layer.#.mlp.fc1.*
          blocks.#.mlp.fc2.* <- ~encoder.layer.#.mlp.fc2.*
          blocks.#.ls2.gamma <- ~encoder.layer.#.layer_scale2.lambda1
          """),

  HF_CLIP(NameScheme.HUGGINGFACE, 1e-5, Unary.Fn.QUICK_GELU, PositionResize.BICUBIC, List.of("vision_model.", ""), """
      cls_token <- ~embeddings.class_embedding : row
      pos_embed <- ~embeddings.position_embedding.weight : matrix
      patch_embed.proj.* <- ~embeddings.patch_embedding.*
      norm_pre.* <- ~pre_layrnorm.*
      blocks.#.norm1.* <- ~encoder.layers.#.layer_norm1.*
      blocks.#.attn.qkv.* <- ~encoder.layers.#.self_attn.q_proj.*, ~encoder.layers.#.self_attn.k_proj.*, \
      ~encoder.layers.#.self_attn.v_proj.*
      blocks.#.attn.proj.* <- ~encoder.layers.#.self_attn.out_proj.*
      blocks.#.norm2.* <- ~encoder.layers.#.layer_norm2.*
      blocks.#.mlp.fc1.* <- ~encoder.layers.#.mlp.fc1.*
      blocks.#.mlp.fc2.* <- ~encoder.layers.#.mlp.fc2.*
      norm.* <- ~post_layernorm.*
      head.* <- visual_projection.*
      - <- ~embeddings.position_ids
      - <- text_model.**
      - <- text_projection.weight
      - <- logit_scale
      """),

  AUGREG(NameScheme.AUGREG, 1e-6, Unary.Fn.GELU, PositionResize.ALIGNED_BILINEAR, Rows.NPZ_PREFIXES, Rows.NPZ.formatted("1", "2", "3")),

  /** The same in the files of big_vision, the authors' later code. */
  BIG_VISION(NameScheme.AUGREG, 1e-6, Unary.Fn.GELU, PositionResize.ALIGNED_BILINEAR, Rows.NPZ_PREFIXES,
      Rows.NPZ.formatted("0", "1", "0") + "pos_embed <- ~pos_embedding\n");

  /** Rows that several dialects share. */
  private static final class Rows {
    static final String EMBEDDINGS = """
        cls_token <- ~embeddings.cls_token
        pos_embed <- ~embeddings.position_embeddings
        patch_embed.proj.* <- ~embeddings.patch_embeddings.projection.*
        norm.* <- ~layernorm.*
        - <- ~embeddings.mask_token
        - <- ~pooler.**
        """;

    static final String CLASSIFIER = """
        head.* <- classifier.*
        """;

    static final String DISTILLATION = """
        dist_token <- ~embeddings.distillation_token
        head.* <- cls_classifier.*
        head_dist.* <- distillation_classifier.*
        """;

    static final String ENCODER_ATTENTION = """
        blocks.#.attn.qkv.* <- ~encoder.layer.#.attention.attention.query.*, \
        ~encoder.layer.#.attention.attention.key.*, ~encoder.layer.#.attention.attention.value.*
        blocks.#.attn.proj.* <- ~encoder.layer.#.attention.output.dense.*
        """;

    static final String ENCODER_MLP = """
        blocks.#.norm1.* <- ~encoder.layer.#.layernorm_before.*
        blocks.#.norm2.* <- ~encoder.layer.#.layernorm_after.*
        blocks.#.mlp.fc1.* <- ~encoder.layer.#.intermediate.dense.*
        blocks.#.mlp.fc2.* <- ~encoder.layer.#.output.dense.*
        """;

    static final List<String> NPZ_PREFIXES = List.of("", "opt/target/", "params/");

    /** Numbers of the attention, of the second norm and of the MLP are left open. */
    static final String NPZ = """
        cls_token <- ~cls
        pos_embed <- ~Transformer/posembed_input/pos_embedding
        patch_embed.proj.weight <- ~embedding/kernel : hwio
        patch_embed.proj.bias <- ~embedding/bias
        blocks.#.norm1.weight <- ~Transformer/encoderblock_#/LayerNorm_0/scale
        blocks.#.norm1.bias <- ~Transformer/encoderblock_#/LayerNorm_0/bias
        blocks.#.attn.qkv.weight <- ~Transformer/encoderblock_#/MultiHeadDotProductAttention_%1$s/query/kernel, \
        ~Transformer/encoderblock_#/MultiHeadDotProductAttention_%1$s/key/kernel, \
        ~Transformer/encoderblock_#/MultiHeadDotProductAttention_%1$s/value/kernel : into heads
        blocks.#.attn.qkv.bias <- ~Transformer/encoderblock_#/MultiHeadDotProductAttention_%1$s/query/bias, \
        ~Transformer/encoderblock_#/MultiHeadDotProductAttention_%1$s/key/bias, \
        ~Transformer/encoderblock_#/MultiHeadDotProductAttention_%1$s/value/bias : flat
        blocks.#.attn.proj.weight <- ~Transformer/encoderblock_#/MultiHeadDotProductAttention_%1$s/out/kernel : out of heads
        blocks.#.attn.proj.bias <- ~Transformer/encoderblock_#/MultiHeadDotProductAttention_%1$s/out/bias
        blocks.#.norm2.weight <- ~Transformer/encoderblock_#/LayerNorm_%2$s/scale
        blocks.#.norm2.bias <- ~Transformer/encoderblock_#/LayerNorm_%2$s/bias
        blocks.#.mlp.fc1.weight <- ~Transformer/encoderblock_#/MlpBlock_%3$s/Dense_0/kernel : transposed
        blocks.#.mlp.fc1.bias <- ~Transformer/encoderblock_#/MlpBlock_%3$s/Dense_0/bias
        blocks.#.mlp.fc2.weight <- ~Transformer/encoderblock_#/MlpBlock_%3$s/Dense_1/kernel : transposed
        blocks.#.mlp.fc2.bias <- ~Transformer/encoderblock_#/MlpBlock_%3$s/Dense_1/bias
        norm.weight <- ~Transformer/encoder_norm/scale
        norm.bias <- ~Transformer/encoder_norm/bias
        head.weight <- ~head/kernel : transposed
        head.bias <- ~head/bias
        - <- ~pre_logits/**
        """;
  }

  private final NameScheme scheme;
  private final double eps;
  private final Unary.Fn activation;
  private final PositionResize resize;
  private final NameTable table;

  Dialect(NameScheme scheme, double eps, Unary.Fn activation, PositionResize resize, List<String> prefixes, String table) {
    this.scheme = scheme;
    this.eps = eps;
    this.activation = activation;
    this.resize = resize;
    this.table = NameTable.parse(prefixes, table);
  }

  NameScheme scheme() {
    return scheme;
  }

  NameTable table() {
    return table;
  }

  double eps() {
    return eps;
  }

  Unary.Fn activation() {
    return activation;
  }

  PositionResize resize() {
    return resize;
  }

  /** The dialect that has a use for most of {@code names}; empty when none has for any. */
  static Optional<Dialect> of(Collection<String> names, Optional<NameScheme> scheme) {
    return Stream.of(values())
        .filter(d -> scheme.isEmpty() || d.scheme == scheme.get())
        .max(Comparator.comparingLong(d -> d.table.recognized(names)))
        .filter(d -> d.table.recognized(names) > 0);
  }

  /** The first dialect of {@code scheme} that can express tensors of these timm names, or else most of them. */
  static Dialect toWrite(Collection<String> names, NameScheme scheme) {
    return Stream.of(values())
        .filter(d -> d.scheme == scheme)
        .max(Comparator.comparingLong(d -> names.stream().filter(d.table::writes).count()))
        .orElseThrow();
  }
}
