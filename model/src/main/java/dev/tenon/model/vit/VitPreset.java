package dev.tenon.model.vit;

import dev.tenon.engine.Shape;

/** The sizes that ViTs are published in (Dosovitskiy et al., 2021; Touvron et al., 2021): 64 channels a head, MLP ratio 4. */
public enum VitPreset {
  TINY(192, 12),
  SMALL(384, 12),
  BASE(768, 12),
  LARGE(1024, 24);

  private final int dim;
  private final int depth;

  VitPreset(int dim, int depth) {
    this.dim = dim;
    this.depth = depth;
  }

  /** A plain ViT for RGB images of {@code imageSize}×{@code imageSize} pixels, cut into squares of {@code patch}×{@code patch}. */
  public VitSizes sizes(int patch, int imageSize, int classes) {
    long side = imageSize / patch;
    return VitSizes.plain(Shape.of(3, patch, patch), side * side, dim, depth, 4L * dim, classes);
  }

  /** Its heads, and all else as timm has it. */
  public VitConfig config() {
    return VitConfig.timm(dim / 64);
  }
}
