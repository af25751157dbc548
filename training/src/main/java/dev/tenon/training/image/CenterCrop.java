package dev.tenon.training.image;

import dev.tenon.engine.random.Philox;

/**
 * The square in the middle; an odd margin is halved to the even neighbor, as Python's {@code round} in
 * torchvision does.
 */
public record CenterCrop(int size) implements Transform {
  /**
   * @throws IllegalArgumentException when a side of the image is shorter than {@code size}
   */
  @Override
  public Image apply(Image image, Philox random) {
    int left = (int) Math.rint((image.width() - size) / 2.0);
    int top = (int) Math.rint((image.height() - size) / 2.0);
    return image.crop(left, top, size, size);
  }
}
