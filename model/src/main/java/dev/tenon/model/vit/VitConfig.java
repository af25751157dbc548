package dev.tenon.model.vit;

import dev.tenon.engine.op.Unary;

/**
 * What the tensors of a ViT do not say themselves; depth, widths, patch size and which tokens exist are read off their shapes.
 *
 * @param heads attention heads
 * @param eps of every layer norm: 1e-6 in timm and torchvision, 1e-12 by default in Hugging Face
 * @param pooling what the head sees
 * @param activation between the two layers of an MLP
 * @param routerTemperature τ of the expert router's softmax (EMTAL §2.3); unused without experts
 */
public record VitConfig(int heads, double eps, Pooling pooling, Unary.Fn activation, double routerTemperature) {
  /** The feature handed to the head. */
  public enum Pooling {
    /** The class token (token 0). */
    TOKEN,
    /** The mean of the patch tokens. */
    AVERAGE,
    /** Both, one after the other (DINOv2). */
    TOKEN_AND_AVERAGE
  }

  /** As timm builds a ViT: class token, eps 1e-6, exact GELU; τ as in EMTAL. */
  public static VitConfig timm(int heads) {
    return new VitConfig(heads, 1e-6, Pooling.TOKEN, Unary.Fn.GELU, 5);
  }

  /** The same with another pooling. */
  public VitConfig with(Pooling other) {
    return new VitConfig(heads, eps, other, activation, routerTemperature);
  }

  /** The same with another activation. */
  public VitConfig with(Unary.Fn other) {
    return new VitConfig(heads, eps, pooling, other, routerTemperature);
  }

  /** The same with another epsilon. */
  public VitConfig withEps(double other) {
    return new VitConfig(heads, other, pooling, activation, routerTemperature);
  }

  /** The same with another temperature of the expert router. */
  public VitConfig withRouterTemperature(double other) {
    return new VitConfig(heads, eps, pooling, activation, other);
  }
}
