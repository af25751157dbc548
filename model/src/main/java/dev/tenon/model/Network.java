package dev.tenon.model;

import dev.tenon.engine.Tensor;

/** A network over named tensors that tells images' classes: all that training one has to know. */
public interface Network {
  Weights weights();

  /** The same network over other tensors of the same names. */
  Network with(Weights others);

  /** Logits [B, classes] of images [B, 3, H, W]; {@code fade} is of its routers, where it has some. */
  Tensor forward(Tensor images, Fade fade);
}
