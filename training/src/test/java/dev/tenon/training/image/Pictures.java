package dev.tenon.training.image;

import java.util.Random;

/** Small images for tests. */
public final class Pictures {
  /** The value of a channel of a pixel. */
  @FunctionalInterface
  public interface Painter {
    int paint(int x, int y, int channel);
  }

  private Pictures() {}

  /** An image painted channel by channel. */
  public static Image of(int width, int height, Painter painter) {
    byte[] rgb = new byte[width * height * Image.CHANNELS];
    for (int i = 0; i < rgb.length; i++) {
      int pixel = i / Image.CHANNELS;
      rgb[i] = (byte) painter.paint(pixel % width, pixel / width, i % Image.CHANNELS);
    }
    return new Image(width, height, rgb);
  }

  /** Independent random values. */
  public static Image noise(int width, int height, long seed) {
    var random = new Random(seed);
    return of(width, height, (_, _, _) -> random.nextInt(256));
  }

  /** The largest difference of a value. */
  public static int largestDifference(Image one, Image other) {
    int most = 0;
    for (int i = 0; i < one.rgb().length; i++) {
      most = Math.max(most, Math.abs((one.rgb()[i] & 0xFF) - (other.rgb()[i] & 0xFF)));
    }
    return most;
  }
}
