package dev.tenon.model.vit;

import dev.tenon.engine.DType;
import dev.tenon.engine.op.Unary;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * What is wanted of a ViT from a file. All that is left empty comes from what the file says about itself (its metadata, or a
 * {@code config.json} beside it), and else from what its library takes for granted.
 *
 * @param imageHeight pixels of the images it is for, to which position embeddings are resized; 0 leaves them as they are
 * @param imageWidth the same across
 * @param dtype of the weights in memory
 * @param names whose names the file has; found out when empty
 * @param heads attention heads; 64 channels each when nothing is known
 * @param eps of every layer norm
 * @param pooling what the head sees
 * @param activation between the two layers of an MLP
 * @param resize how position embeddings are resized
 */
public record VitOptions(
    int imageHeight,
    int imageWidth,
    DType dtype,
    Optional<NameScheme> names,
    OptionalInt heads,
    OptionalDouble eps,
    Optional<VitConfig.Pooling> pooling,
    Optional<Unary.Fn> activation,
    Optional<PositionResize> resize) {
  /** F32, for the images that the file was made for. */
  public static final VitOptions DEFAULT = new VitOptions(
      0, 0, DType.F32, Optional.empty(), OptionalInt.empty(), OptionalDouble.empty(), Optional.empty(), Optional.empty(), Optional.empty());

  /** For images of {@code height}×{@code width} pixels. */
  public VitOptions withImageSize(int height, int width) {
    return new VitOptions(height, width, dtype, names, heads, eps, pooling, activation, resize);
  }

  /** With weights of type {@code other} in memory. */
  public VitOptions with(DType other) {
    return new VitOptions(imageHeight, imageWidth, other, names, heads, eps, pooling, activation, resize);
  }

  /** Under these names and no others. */
  public VitOptions with(NameScheme other) {
    return new VitOptions(imageHeight, imageWidth, dtype, Optional.of(other), heads, eps, pooling, activation, resize);
  }

  /** With this pooling. */
  public VitOptions with(VitConfig.Pooling other) {
    return new VitOptions(imageHeight, imageWidth, dtype, names, heads, eps, Optional.of(other), activation, resize);
  }

  /** With position embeddings resized that way. */
  public VitOptions with(PositionResize other) {
    return new VitOptions(imageHeight, imageWidth, dtype, names, heads, eps, pooling, activation, Optional.of(other));
  }

  /** With that many heads. */
  public VitOptions withHeads(int other) {
    return new VitOptions(imageHeight, imageWidth, dtype, names, OptionalInt.of(other), eps, pooling, activation, resize);
  }

  /** With this epsilon. */
  public VitOptions withEps(double other) {
    return new VitOptions(imageHeight, imageWidth, dtype, names, heads, OptionalDouble.of(other), pooling, activation, resize);
  }
}
