package dev.tenon.training.image;

import dev.tenon.engine.random.Philox;

/** The whole image squeezed into a square, the custom of work on VTAB. */
public record ResizeTo(int size, Resize resize) implements Transform {
  @Override
  public Image apply(Image image, Philox random) {
    return resize.apply(image, size, size);
  }
}
