package dev.tenon.training.image;

import dev.tenon.engine.random.Philox;

/**
 * A step from the decoded image to the network's input. A transform is data, so that a recipe can describe it
 * and a report can print it, and a pure function of the image and the random stream it is handed, so that
 * results depend on no thread and on no order.
 */
public sealed interface Transform
    permits CenterCrop, ColorJitter, RandomFlip, RandomResizedCrop, ResizeShortSide, ResizeTo, Sequence {

  /**
   * The transformed image.
   *
   * @param random where all chance comes from; unused by transforms for evaluation
   */
  Image apply(Image image, Philox random);
}
