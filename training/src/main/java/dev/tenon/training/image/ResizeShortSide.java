package dev.tenon.training.image;

import dev.tenon.engine.random.Philox;

/**
 * Brings the shorter side to {@code size} pixels and the longer side to {@code size * long / short}, rounded
 * down, as torchvision does.
 */
public record ResizeShortSide(int size, Resize resize) implements Transform {
  @Override
  public Image apply(Image image, Philox random) {
    return resize.shortSide(image, size);
  }
}
