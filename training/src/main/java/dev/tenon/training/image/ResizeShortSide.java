package dev.tenon.training.image;

import dev.tenon.engine.random.Philox;

/**
 * Brings the shorter side to {@code size} pixels and the longer side to {@code size * long / short}, rounded
 * down, as torchvision does.
 */
public record ResizeShortSide(int size, Resize resize) implements Transform {
  @Override
  public Image apply(Image image, Philox random) {
    int width = image.width();
    int height = image.height();
    return width <= height
        ? resize.apply(image, size, (int) ((long) size * height / width))
        : resize.apply(image, (int) ((long) size * width / height), size);
  }
}
