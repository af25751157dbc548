package dev.tenon.model.vit;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Concat;
import dev.tenon.engine.op.Interpolation;
import dev.tenon.engine.op.Interpolation.Method;
import dev.tenon.engine.op.Resample2d;

/** How a source resizes position embeddings. */
public enum PositionResize {
  /** timm: bicubic with a = −0.5, support widened when shrinking. */
  ANTIALIAS_BICUBIC(Method.CUBIC_ANTIALIAS),
  /** timm 0.6 (EMTAL) and Hugging Face: bicubic with a = −0.75. */
  BICUBIC(Method.CUBIC),
  /** The authors of the AugReg files: linear between the centers of the corners. */
  ALIGNED_BILINEAR(Method.LINEAR_ALIGNED),
  /** torchvision: bicubic with a = −0.75 between the centers of the corners. */
  ALIGNED_BICUBIC(Method.CUBIC_ALIGNED);

  private final Method method;

  PositionResize(Method method) {
    this.method = method;
  }

  /**
   * Resizes the patch part of {@code embedding} [1, prefix + oldHeight·oldWidth, C]; the first {@code prefix} tokens stay.
   *
   * @throws TenonException when the tokens do not make up the old grid
   */
  public Tensor apply(Tensor embedding, int prefix, int oldHeight, int oldWidth, int newHeight, int newWidth) {
    long width = embedding.dim(2);
    if (embedding.dim(1) != prefix + (long) oldHeight * oldWidth) {
      throw new TenonException("a position embedding of shape " + embedding.shape() + " does not fit " + prefix
          + " leading tokens and a grid of " + oldHeight + "×" + oldWidth + "; give the image size it was made for");
    }
    if (oldHeight == newHeight && oldWidth == newWidth) {
      return embedding;
    }
    Tensor grid = embedding.slice(1, prefix, embedding.dim(1)).reshape(1, oldHeight, oldWidth, width).permute(0, 3, 1, 2);
    Tensor resized = new Resample2d(Interpolation.to(method, newHeight), Interpolation.to(method, newWidth)).apply(grid);
    Tensor patches = resized.permute(0, 2, 3, 1).reshape(1, (long) newHeight * newWidth, width);
    return prefix == 0 ? patches : new Concat(1).apply(embedding.slice(1, 0, prefix), patches);
  }
}
