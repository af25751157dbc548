package dev.tenon.training.image;

import dev.tenon.engine.op.Taps;
import java.util.Arrays;

/**
 * Brings an image to another size, in the two forms that published results depend on.
 *
 * <p>With antialiasing this is Pillow's form (bicubic slope -0.5; rows, then columns, in fixed point, rounded
 * to 8 bits after each). Without, it is that of OpenCV and of PyTorch's {@code interpolate} with {@code
 * align_corners=False} (bicubic slope -0.75; rounded once, at the end).
 *
 * @param antialias whether shrinking widens the filter
 */
public record Resize(Interpolation interpolation, boolean antialias) {
  private static final int C = Image.CHANNELS;
  private static final int FRACTION_BITS = 22;
  private static final int HALF = 1 << FRACTION_BITS - 1;

  /** The image at {@code width} x {@code height} pixels; the same object when that is its size. */
  public Image apply(Image image, int width, int height) {
    if (width == image.width() && height == image.height()) {
      return image;
    }
    if (!antialias) {
      return sampled(image, width, height);
    }
    Image rows = width == image.width() ? image : antialiasedRows(image, width);
    return height == image.height() ? rows : antialiasedColumns(rows, height);
  }

  /**
   * The image with its shorter side at {@code size} pixels and the longer at {@code size * long / short},
   * rounded down.
   */
  public Image shortSide(Image image, int size) {
    int width = image.width();
    int height = image.height();
    return width <= height
        ? apply(image, size, (int) ((long) size * height / width))
        : apply(image, (int) ((long) size * width / height), size);
  }

  private Image antialiasedRows(Image image, int width) {
    Taps taps = interpolation.taps(image.width(), width, antialias);
    int[][] weights = fixedPoint(taps.weights());
    byte[] in = image.rgb();
    byte[] out = new byte[width * image.height() * C];
    int to = 0;
    for (int y = 0; y < image.height(); y++) {
      for (int x = 0; x < width; x++) {
        int red = HALF;
        int green = HALF;
        int blue = HALF;
        int from = (y * image.width() + taps.first()[x]) * C;
        for (int weight : weights[x]) {
          red += weight * (in[from] & 0xFF);
          green += weight * (in[from + 1] & 0xFF);
          blue += weight * (in[from + 2] & 0xFF);
          from += C;
        }
        out[to] = clipped(red);
        out[to + 1] = clipped(green);
        out[to + 2] = clipped(blue);
        to += C;
      }
    }
    return new Image(width, image.height(), out);
  }

  private Image antialiasedColumns(Image image, int height) {
    Taps taps = interpolation.taps(image.height(), height, antialias);
    int[][] weights = fixedPoint(taps.weights());
    int stride = image.width() * C;
    byte[] in = image.rgb();
    byte[] out = new byte[height * stride];
    int[] sums = new int[stride];
    for (int y = 0; y < height; y++) {
      Arrays.fill(sums, HALF);
      int from = taps.first()[y] * stride;
      for (int weight : weights[y]) {
        for (int i = 0; i < stride; i++) {
          sums[i] += weight * (in[from + i] & 0xFF);
        }
        from += stride;
      }
      for (int i = 0; i < stride; i++) {
        out[y * stride + i] = clipped(sums[i]);
      }
    }
    return new Image(image.width(), height, out);
  }

  private Image sampled(Image image, int width, int height) {
    Taps across = interpolation.taps(image.width(), width, antialias);
    Taps down = interpolation.taps(image.height(), height, antialias);
    float[] rows = sampledRows(image, across);
    int stride = width * C;
    byte[] out = new byte[height * stride];
    float[] sums = new float[stride];
    for (int y = 0; y < height; y++) {
      Arrays.fill(sums, 0);
      int from = down.first()[y] * stride;
      for (double exact : down.weights()[y]) {
        float weight = (float) exact;
        for (int i = 0; i < stride; i++) {
          sums[i] += weight * rows[from + i];
        }
        from += stride;
      }
      for (int i = 0; i < stride; i++) {
        out[y * stride + i] = (byte) Math.clamp(Math.round(sums[i]), 0, 255);
      }
    }
    return new Image(width, height, out);
  }

  private static float[] sampledRows(Image image, Taps taps) {
    int width = taps.first().length;
    byte[] in = image.rgb();
    float[] out = new float[width * image.height() * C];
    int to = 0;
    for (int y = 0; y < image.height(); y++) {
      for (int x = 0; x < width; x++) {
        int from = (y * image.width() + taps.first()[x]) * C;
        for (double exact : taps.weights()[x]) {
          float weight = (float) exact;
          out[to] += weight * (in[from] & 0xFF);
          out[to + 1] += weight * (in[from + 1] & 0xFF);
          out[to + 2] += weight * (in[from + 2] & 0xFF);
          from += C;
        }
        to += C;
      }
    }
    return out;
  }

  private static int[][] fixedPoint(double[][] weights) {
    int[][] fixed = new int[weights.length][];
    for (int i = 0; i < weights.length; i++) {
      fixed[i] = new int[weights[i].length];
      for (int k = 0; k < fixed[i].length; k++) {
        double scaled = weights[i][k] * (1 << FRACTION_BITS);
        fixed[i][k] = (int) (scaled < 0 ? scaled - 0.5 : scaled + 0.5);
      }
    }
    return fixed;
  }

  private static byte clipped(int sum) {
    return (byte) Math.clamp(sum >> FRACTION_BITS, 0, 255);
  }
}
