package dev.tenon.training.image;

import dev.tenon.engine.random.Philox;
import java.util.ArrayList;
import java.util.List;

/**
 * The whole way from a decoded image to a square network input.
 *
 * @param size side of the input in pixels; what {@code transform} ends with
 */
public record Preprocessing(int size, Transform transform, Normalize normalize) {

  /**
   * Augmentation for training.
   *
   * @param crop random rectangle, or any other way to the square
   * @param flip probability of mirroring
   * @param colorJitter applied last; null leaves colors alone
   */
  public static Preprocessing train(
      int size, Transform crop, double flip, ColorJitter colorJitter, Normalize normalize) {
    List<Transform> steps = new ArrayList<>(List.of(crop));
    if (flip > 0) {
      steps.add(new RandomFlip(flip));
    }
    if (colorJitter != null) {
      steps.add(colorJitter);
    }
    return new Preprocessing(size, new Sequence(steps), normalize);
  }

  /**
   * timm's evaluation: the short side to {@code floor(size / cropPercent)}, then the middle.
   *
   * @param cropPercent share of the resized short side that the crop keeps, in (0, 1]
   */
  public static Preprocessing test(int size, double cropPercent, Resize resize, Normalize normalize) {
    int shortSide = (int) Math.floor(size / cropPercent);
    return new Preprocessing(
        size, Sequence.of(new ResizeShortSide(shortSide, resize), new CenterCrop(size)), normalize);
  }

  /** The whole image squeezed into the square. */
  public static Preprocessing squash(int size, Resize resize, Normalize normalize) {
    return new Preprocessing(size, new ResizeTo(size, resize), normalize);
  }

  /** How many numbers one input has: 3 x size x size. */
  public int length() {
    return Image.CHANNELS * size * size;
  }

  /** The input as {@code [3, size, size]}, for an image that is not augmented. */
  public float[] apply(Image image) {
    float[] chw = new float[length()];
    apply(image, Philox.of(0), chw, 0);
    return chw;
  }

  /**
   * Writes the input as {@code [3, size, size]} into {@code target} from {@code offset} on.
   *
   * @throws IllegalArgumentException when {@code transform} does not end with {@code size} x {@code size}
   */
  public void apply(Image image, Philox random, float[] target, int offset) {
    Image input = transform.apply(image, random);
    if (input.width() != size || input.height() != size) {
      throw new IllegalArgumentException(
          transform + " gives " + input + ", where the network takes " + size + "x" + size);
    }
    normalize.apply(input, target, offset);
  }
}
