package dev.tenon.model.swin;

import dev.tenon.model.NameTable;
import dev.tenon.model.swin.SwinConfig.Shifting;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The ways in which a Swin is written down, each with what its library does. */
enum Dialect {
  /** Its authors', older versions of timm, and Tenon itself: what leads to the next stage ends a stage. */
  MICROSOFT("Microsoft", Shifting.BOTH_SIDES, List.of(""), Rows.PATCHES + Rows.END + """
      head.*
      """, Rows.BLOCK + """
      layers.%1$d.downsample.norm.*
      layers.%1$d.downsample.reduction.weight
      """),

  /** What leads to a stage begins it. */
  TIMM("timm", Shifting.MOVED_FIRST, List.of(""), Rows.PATCHES + Rows.END + """
      head.* <- head.fc.*
      """, Rows.BLOCK + """
      layers.%1$d.downsample.norm.* <- layers.%2$d.downsample.norm.*
      layers.%1$d.downsample.reduction.weight <- layers.%2$d.downsample.reduction.weight
      """),

  /** Everything is numbered through. */
  TORCHVISION("torchvision", Shifting.PADDED, List.of(""), """
      patch_embed.proj.* <- features.0.0.*
      patch_embed.norm.* <- features.0.2.*
      norm.*
      head.*
      - <- features.#.#.attn.relative_position_index
      """, """
      layers.%1$d.blocks.#.norm1.* <- features.%3$d.#.norm1.*
      layers.%1$d.blocks.#.attn.qkv.* <- features.%3$d.#.attn.qkv.*
      layers.%1$d.blocks.#.attn.relative_position_bias_table <- features.%3$d.#.attn.relative_position_bias_table
      layers.%1$d.blocks.#.attn.proj.* <- features.%3$d.#.attn.proj.*
      layers.%1$d.blocks.#.norm2.* <- features.%3$d.#.norm2.*
      layers.%1$d.blocks.#.mlp.fc1.* <- features.%3$d.#.mlp.0.*
      layers.%1$d.blocks.#.mlp.fc2.* <- features.%3$d.#.mlp.3.*
      layers.%1$d.downsample.norm.* <- features.%4$d.norm.*
      layers.%1$d.downsample.reduction.weight <- features.%4$d.reduction.weight
      """),

  HUGGINGFACE("Hugging Face", Shifting.BOTH_SIDES, List.of("swin.", ""), Rows.HUGGINGFACE + """
      - <- ~encoder.layers.#.blocks.#.attention.self.relative_position_index
      """, Rows.HUGGINGFACE_BLOCK + """
      layers.%1$d.blocks.#.attn.qkv.* <- ~encoder.layers.%1$d.blocks.#.attention.self.query.*, \
      ~encoder.layers.%1$d.blocks.#.attention.self.key.*, ~encoder.layers.%1$d.blocks.#.attention.self.value.*
      layers.%1$d.blocks.#.attn.relative_position_bias_table <- \
      ~encoder.layers.%1$d.blocks.#.attention.self.relative_position_bias_table
      layers.%1$d.blocks.#.attn.proj.* <- ~encoder.layers.%1$d.blocks.#.attention.output.dense.*
      layers.%1$d.blocks.#.mlp.fc1.* <- ~encoder.layers.%1$d.blocks.#.intermediate.dense.*
      layers.%1$d.blocks.#.mlp.fc2.* <- ~encoder.layers.%1$d.blocks.#.output.dense.*
      """),

  /** The second version, in the files of its authors. */
  MICROSOFT_2("Microsoft", Shifting.BOTH_SIDES, List.of(""), Rows.PATCHES + Rows.END + """
      head.*
      - <- layers.#.blocks.#.attn.relative_coords_table
      """, Rows.BLOCK_2 + """
      layers.%1$d.downsample.norm.*
      layers.%1$d.downsample.reduction.weight
      """),

  HUGGINGFACE_2("Hugging Face", Shifting.BOTH_SIDES, List.of("swinv2.", ""), Rows.HUGGINGFACE + """
      - <- ~encoder.layers.#.blocks.#.attention.self.relative_position_index
      - <- ~encoder.layers.#.blocks.#.attention.self.relative_coords_table
      """, Rows.HUGGINGFACE_BLOCK + """
      layers.%1$d.blocks.#.attn.qkv.weight <- ~encoder.layers.%1$d.blocks.#.attention.self.query.weight, \
      ~encoder.layers.%1$d.blocks.#.attention.self.key.weight, ~encoder.layers.%1$d.blocks.#.attention.self.value.weight
      layers.%1$d.blocks.#.attn.q_bias <- ~encoder.layers.%1$d.blocks.#.attention.self.query.bias
      layers.%1$d.blocks.#.attn.v_bias <- ~encoder.layers.%1$d.blocks.#.attention.self.value.bias
      layers.%1$d.blocks.#.attn.logit_scale <- ~encoder.layers.%1$d.blocks.#.attention.self.logit_scale
      layers.%1$d.blocks.#.attn.cpb_mlp.0.* <- ~encoder.layers.%1$d.blocks.#.attention.self.continuous_position_bias_mlp.0.*
      layers.%1$d.blocks.#.attn.cpb_mlp.2.weight <- \
      ~encoder.layers.%1$d.blocks.#.attention.self.continuous_position_bias_mlp.2.weight
      layers.%1$d.blocks.#.attn.proj.* <- ~encoder.layers.%1$d.blocks.#.attention.output.dense.*
      layers.%1$d.blocks.#.mlp.fc1.* <- ~encoder.layers.%1$d.blocks.#.intermediate.dense.*
      layers.%1$d.blocks.#.mlp.fc2.* <- ~encoder.layers.%1$d.blocks.#.output.dense.*
      """),

  /** The first version as transformers 5 keeps it in memory. */
  HUGGINGFACE_5("Hugging Face", Shifting.BOTH_SIDES, List.of("swin.", ""), Rows.HUGGINGFACE + """
      - <- ~encoder.layers.#.blocks.#.attention.relative_position_bias.relative_position_index
      """, Rows.HUGGINGFACE_BLOCK + """
      layers.%1$d.blocks.#.attn.qkv.* <- ~encoder.layers.%1$d.blocks.#.attention.q_proj.*, \
      ~encoder.layers.%1$d.blocks.#.attention.k_proj.*, ~encoder.layers.%1$d.blocks.#.attention.v_proj.*
      layers.%1$d.blocks.#.attn.relative_position_bias_table <- \
      ~encoder.layers.%1$d.blocks.#.attention.relative_position_bias.relative_position_bias_table
      layers.%1$d.blocks.#.attn.proj.* <- ~encoder.layers.%1$d.blocks.#.attention.o_proj.*
      layers.%1$d.blocks.#.mlp.fc1.* <- ~encoder.layers.%1$d.blocks.#.mlp.fc1.*
      layers.%1$d.blocks.#.mlp.fc2.* <- ~encoder.layers.%1$d.blocks.#.mlp.fc2.*
      """);

  private static final int STAGES = 4;

  /** Rows that several dialects share. */
  private static final class Rows {
    static final String PATCHES = """
        patch_embed.proj.*
        patch_embed.norm.*
        """;

    static final String END = """
        norm.*
        - <- layers.#.blocks.#.attn_mask
        - <- layers.#.blocks.#.attn.relative_position_index
        """;

    static final String BLOCK = """
        layers.%1$d.blocks.#.norm1.*
        layers.%1$d.blocks.#.attn.qkv.*
        layers.%1$d.blocks.#.attn.relative_position_bias_table
        layers.%1$d.blocks.#.attn.proj.*
        layers.%1$d.blocks.#.norm2.*
        layers.%1$d.blocks.#.mlp.fc1.*
        layers.%1$d.blocks.#.mlp.fc2.*
        """;

    static final String BLOCK_2 = """
        layers.%1$d.blocks.#.norm1.*
        layers.%1$d.blocks.#.attn.qkv.weight
        layers.%1$d.blocks.#.attn.q_bias
        layers.%1$d.blocks.#.attn.v_bias
        layers.%1$d.blocks.#.attn.logit_scale
        layers.%1$d.blocks.#.attn.cpb_mlp.0.*
        layers.%1$d.blocks.#.attn.cpb_mlp.2.weight
        layers.%1$d.blocks.#.attn.proj.*
        layers.%1$d.blocks.#.norm2.*
        layers.%1$d.blocks.#.mlp.fc1.*
        layers.%1$d.blocks.#.mlp.fc2.*
        """;

    static final String HUGGINGFACE = """
        patch_embed.proj.* <- ~embeddings.patch_embeddings.projection.*
        patch_embed.norm.* <- ~embeddings.norm.*
        norm.* <- ~layernorm.*
        head.* <- classifier.*
        - <- ~embeddings.mask_token
        """;

    static final String HUGGINGFACE_BLOCK = """
        layers.%1$d.blocks.#.norm1.* <- ~encoder.layers.%1$d.blocks.#.layernorm_before.*
        layers.%1$d.blocks.#.norm2.* <- ~encoder.layers.%1$d.blocks.#.layernorm_after.*
        layers.%1$d.downsample.norm.* <- ~encoder.layers.%1$d.downsample.norm.*
        layers.%1$d.downsample.reduction.weight <- ~encoder.layers.%1$d.downsample.reduction.weight
        """;
  }

  private final String library;
  private final Shifting shifting;
  private final NameTable table;

  /**
   * A dialect.
   *
   * @param stage rows of a stage; in it, 1$ is its number, 2$ that of the next, 3$ and 4$ are the odd and the even one of twice that
   */
  Dialect(String library, Shifting shifting, List<String> prefixes, String around, String stage) {
    this.library = library;
    this.shifting = shifting;
    StringBuilder rows = new StringBuilder(around);
    for (int i = 0; i < STAGES; i++) {
      rows.append(stage.formatted(i, i + 1, 2 * i + 1, 2 * i + 2));
    }
    this.table = NameTable.parse(prefixes, rows.toString());
  }

  String library() {
    return library;
  }

  Shifting shifting() {
    return shifting;
  }

  NameTable table() {
    return table;
  }

  /** The dialect that has a use for most of {@code names}; empty when none has for any. */
  static Optional<Dialect> of(Collection<String> names) {
    return Stream.of(values())
        .max(Comparator.comparingLong(d -> d.table.recognized(names)))
        .filter(d -> d.table.recognized(names) > 0);
  }
}
