package dev.tenon.training.image;

import java.util.Arrays;

/**
 * A decoded picture, so that everything after decoding knows one pixel format: 8-bit RGB, rows from the top,
 * three interleaved bytes a pixel. The array belongs to the image; nobody writes to it afterwards.
 *
 * @param rgb {@code height * width * 3} bytes
 */
public record Image(int width, int height, byte[] rgb) {
  /** Red, green and blue. */
  public static final int CHANNELS = 3;

  /**
   * @throws IllegalArgumentException when a side is not positive or the array has another length
   */
  public Image {
    if (width <= 0 || height <= 0 || rgb.length != (long) width * height * CHANNELS) {
      throw new IllegalArgumentException(
          rgb.length + " bytes do not hold an image of " + width + "x" + height + " RGB pixels");
    }
  }

  /** The value 0 … 255 of one channel of one pixel. */
  public int at(int x, int y, int channel) {
    return rgb[(y * width + x) * CHANNELS + channel] & 0xFF;
  }

  /** The length of the shorter side, in pixels. */
  public int shortSide() {
    return Math.min(width, height);
  }

  /**
   * The rectangle with the upper left corner ({@code left}, {@code top}).
   *
   * @throws IllegalArgumentException when it does not lie inside the image
   */
  public Image crop(int left, int top, int cropWidth, int cropHeight) {
    if (left < 0 || top < 0 || cropWidth > width - left || cropHeight > height - top) {
      throw new IllegalArgumentException("a crop of " + cropWidth + "x" + cropHeight + " at (" + left + ", "
          + top + ") does not lie inside an image of " + width + "x" + height);
    }
    if (cropWidth == width && cropHeight == height) {
      return this;
    }
    byte[] out = new byte[cropWidth * cropHeight * CHANNELS];
    for (int y = 0; y < cropHeight; y++) {
      int from = ((top + y) * width + left) * CHANNELS;
      System.arraycopy(rgb, from, out, y * cropWidth * CHANNELS, cropWidth * CHANNELS);
    }
    return new Image(cropWidth, cropHeight, out);
  }

  /** Mirrored, left for right. */
  public Image flipped() {
    return remapped(width, height, width - 1, -1, width);
  }

  /**
   * As a viewer would show it.
   *
   * @param orientation value 1 … 8 of the EXIF tag 0x0112
   */
  Image oriented(int orientation) {
    int right = width - 1;
    int bottom = (height - 1) * width;
    return switch (orientation) {
      case 2 -> flipped();
      case 3 -> remapped(width, height, bottom + right, -1, -width);
      case 4 -> remapped(width, height, bottom, 1, -width);
      case 5 -> remapped(height, width, 0, width, 1);
      case 6 -> remapped(height, width, bottom, -width, 1);
      case 7 -> remapped(height, width, bottom + right, -width, -1);
      case 8 -> remapped(height, width, right, width, -1);
      default -> this;
    };
  }

  /** Reads pixels from {@code start} in steps of {@code stepX} along a new row and {@code stepY} down it. */
  private Image remapped(int newWidth, int newHeight, int start, int stepX, int stepY) {
    byte[] out = new byte[rgb.length];
    int to = 0;
    for (int y = 0; y < newHeight; y++) {
      int from = (start + y * stepY) * CHANNELS;
      for (int x = 0; x < newWidth; x++) {
        out[to] = rgb[from];
        out[to + 1] = rgb[from + 1];
        out[to + 2] = rgb[from + 2];
        to += CHANNELS;
        from += stepX * CHANNELS;
      }
    }
    return new Image(newWidth, newHeight, out);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Image image
        && width == image.width
        && height == image.height
        && Arrays.equals(rgb, image.rgb);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * width + height) + Arrays.hashCode(rgb);
  }

  @Override
  public String toString() {
    return "Image " + width + "x" + height;
  }
}
