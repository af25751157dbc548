package dev.tenon.training.image;

import dev.tenon.engine.random.Philox;

/** Mirrors left for right with a probability. */
public record RandomFlip(double probability) implements Transform {
  @Override
  public Image apply(Image image, Philox random) {
    return random.uniformDouble(0) < probability ? image.flipped() : image;
  }
}
