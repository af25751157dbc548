package dev.tenon.model;

import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import java.util.Optional;

/**
 * Cuts images into patches and projects each: a convolution whose stride is its kernel, as a linear layer over the pixels of a patch.
 *
 * @param kernel [dim, channels, height, width]
 */
public record PatchEmbedding(Tensor kernel, Optional<Tensor> bias) {
  /** The layer {@code name} (its {@code .weight} and, if there is one, {@code .bias}). */
  public static PatchEmbedding of(Weights weights, String name) {
    return new PatchEmbedding(weights.get(name + ".weight"), weights.find(name + ".bias"));
  }

  /** Side of a patch in pixels, height then width. */
  public Shape patch() {
    return kernel.shape().slice(2, 4);
  }

  /** [B, channels, H, W] → [B, rows · columns, dim]. */
  public Tensor apply(Tensor images) {
    long ph = kernel.dim(2);
    long pw = kernel.dim(3);
    if (images.rank() != 4 || images.dim(1) != kernel.dim(1) || images.dim(2) % ph != 0 || images.dim(3) % pw != 0) {
      throw new TenonException("patchEmbed: images must be [B, " + kernel.dim(1) + ", H, W] with H and W multiples of " + ph + " and "
          + pw + ", but are " + images.shape());
    }
    long rows = images.dim(2) / ph;
    long columns = images.dim(3) / pw;
    Tensor patches = images.reshape(images.dim(0), images.dim(1), rows, ph, columns, pw)
        .permute(0, 2, 4, 1, 3, 5)
        .reshape(images.dim(0), rows * columns, images.dim(1) * ph * pw);
    return new Projection.Plain(kernel.reshape(kernel.dim(0), -1), bias).apply(patches.cast(kernel.dtype()));
  }
}
