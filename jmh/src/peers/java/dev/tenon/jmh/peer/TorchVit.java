package dev.tenon.jmh.peer;

import dev.tenon.model.vit.Vit;
import dev.tenon.training.bench.EmtalWork;
import java.util.ArrayList;
import java.util.List;

/** A ViT with a class token, plain or adapted by EMTAL, in PyTorch's language. */
record TorchVit(Vit vit) {
  /** The name of a weight as a variable. */
  static String parameter(String weight) {
    return weight.replace('.', '_');
  }

  /** The images, then the weights in their order. */
  List<String> parameters() {
    List<String> names = new ArrayList<>(List.of("images"));
    vit.weights().asMap().keySet().forEach(name -> names.add(parameter(name)));
    return names;
  }

  /** Statements that leave the logits in {@code z}. */
  String logits() {
    StringBuilder body = new StringBuilder(embed());
    for (int i = 0; i < vit.depth(); i++) {
      body.append(block("blocks_" + i + "_"));
    }
    return body + "x = " + norm("norm_", "x") + "\nz = torch.linear(torch.select(x, 1, 0), head_weight, head_bias)\n";
  }

  private boolean has(String parameter) {
    return vit.weights().asMap().keySet().stream().anyMatch(name -> parameter(name).equals(parameter));
  }

  private long dim() {
    return vit.weights().get("pos_embed").dim(2);
  }

  /** Images to {@code x}, [B, N, dim]. */
  private String embed() {
    long side = vit.patch().dim(0);
    return """
        p = torch.conv2d(images, patch_embed_proj_weight, patch_embed_proj_bias, [%d, %d])
        p = torch.transpose(torch.flatten(p, 2), 1, 2)
        c = torch.expand(cls_token, [torch.size(p, 0), 1, torch.size(p, 2)])
        x = torch.add(torch.cat([c, p], 1), pos_embed)
        """.formatted(side, side);
  }

  private String block(String at) {
    int heads = vit.config().heads();
    String attention = """
        qkv = %s
        qkv = torch.permute(torch.reshape(qkv, [torch.size(x, 0), torch.size(x, 1), 3, %d, %d]), [2, 0, 3, 1, 4])
        o = torch.scaled_dot_product_attention(torch.select(qkv, 0, 0), torch.select(qkv, 0, 1), torch.select(qkv, 0, 2))
        o = torch.reshape(torch.transpose(o, 1, 2), [torch.size(x, 0), torch.size(x, 1), %d])
        x = torch.add(x, %s)
        """.formatted(linear(at + "attn_qkv", at + "attn_lora_qkv", at + "attn_lora_qkv2", norm(at + "norm1_", "x")), heads, dim() / heads,
        dim(), linear(at + "attn_proj", at + "attn_lora_proj", at + "attn_lora_proj2", "o"));
    return attention + "u = " + norm(at + "norm2_", "x") + "\n"
        + "h = " + linear(at + "mlp_fc1", at + "mlp_lora_fc1_a", at + "mlp_lora_fc1_b", "u") + "\n"
        + gate(at) + "h = torch.gelu(h)\n"
        + "x = torch.add(x, " + linear(at + "mlp_fc2", at + "mlp_lora_fc2_a", at + "mlp_lora_fc2_b", "h") + ")\n";
  }

  /** The router's shares on groups of hidden channels (EMTAL Eq. 8, 9, 12). */
  private String gate(String at) {
    String router = at + "mlp_gate_weight_lora_weight";
    if (!has(router)) {
      return "";
    }
    int experts = EmtalWork.EXPERTS;
    return """
        s = torch.softmax(torch.div(torch.linear(u, %s), %s), -1)
        s = torch.add(torch.mul(s, %s), %s)
        h = torch.reshape(h, [torch.size(u, 0), torch.size(u, 1), %d, %d])
        h = torch.reshape(torch.mul(h, torch.unsqueeze(s, -1)), [torch.size(u, 0), torch.size(u, 1), %d])
        """.formatted(router, vit.config().routerTemperature(), experts * (1 - EmtalWork.ALPHA), EmtalWork.ALPHA, experts,
        4 * dim() / experts, 4 * dim());
  }

  private String norm(String at, String x) {
    return "torch.layer_norm(" + x + ", [" + dim() + "], " + at + "weight, " + at + "bias, " + vit.config().eps() + ")";
  }

  private String linear(String layer, String a, String b, String x) {
    String plain = "torch.linear(" + x + ", " + layer + "_weight, " + layer + "_bias)";
    return has(a) ? "torch.add(" + plain + ", torch.matmul(torch.matmul(" + x + ", " + a + "), " + b + "))" : plain;
  }
}
