package dev.tenon.training.image;

import java.util.function.DoubleUnaryOperator;

/**
 * Which input pixels make up each output pixel of a resized line, and with which weights: the one thing in
 * which the forms of resizing differ. The weights of an output pixel sum to 1.
 *
 * @param first of each output pixel, the first input pixel
 * @param weights of each output pixel, the weights of that and the following input pixels
 */
record FilterTaps(int[] first, double[][] weights) {

  /**
   * Pillow's form: the filter grows with the input's share of an output pixel, and is cut off and normalized
   * at the border.
   */
  static FilterTaps antialiased(Interpolation interpolation, int in, int out) {
    double scale = (double) in / out;
    double stretch = Math.max(1, scale);
    DoubleUnaryOperator filter = filter(interpolation, -0.5);
    double reach = reach(interpolation) * stretch;
    int[] first = new int[out];
    double[][] weights = new double[out][];
    for (int i = 0; i < out; i++) {
      double center = (i + 0.5) * scale;
      first[i] = Math.max(0, (int) (center - reach + 0.5));
      int end = Math.min(in, (int) (center + reach + 0.5));
      weights[i] = new double[end - first[i]];
      double sum = 0;
      for (int k = 0; k < weights[i].length; k++) {
        weights[i][k] = filter.applyAsDouble((first[i] + k - center + 0.5) / stretch);
        sum += weights[i][k];
      }
      for (int k = 0; k < weights[i].length; k++) {
        weights[i][k] /= sum;
      }
    }
    return new FilterTaps(first, weights);
  }

  /**
   * The form of OpenCV and of {@code interpolate} in PyTorch: the filter spans neighboring input pixels
   * however much the image shrinks, and the border pixel is repeated outwards.
   */
  static FilterTaps sampled(Interpolation interpolation, int in, int out) {
    double scale = (double) in / out;
    DoubleUnaryOperator filter = filter(interpolation, -0.75);
    int reach = reach(interpolation);
    int[] first = new int[out];
    double[][] weights = new double[out][];
    for (int i = 0; i < out; i++) {
      double position = (i + 0.5) * scale - 0.5;
      int from = (int) Math.floor(position) - reach + 1;
      int to = from + 2 * reach - 1;
      first[i] = Math.clamp(from, 0, in - 1);
      weights[i] = new double[Math.clamp(to, 0, in - 1) - first[i] + 1];
      for (int source = from; source <= to; source++) {
        weights[i][Math.clamp(source, 0, in - 1) - first[i]] += filter.applyAsDouble(source - position);
      }
    }
    return new FilterTaps(first, weights);
  }

  /** Half the width of the filter, in pixels. */
  private static int reach(Interpolation interpolation) {
    return interpolation == Interpolation.BILINEAR ? 1 : 2;
  }

  /** A triangle, or the cubic convolution kernel of Keys (1981) with slope {@code a} at distance 1. */
  private static DoubleUnaryOperator filter(Interpolation interpolation, double a) {
    return switch (interpolation) {
      case BILINEAR -> x -> Math.max(0, 1 - Math.abs(x));
      case BICUBIC -> x -> cubic(Math.abs(x), a);
    };
  }

  private static double cubic(double x, double a) {
    if (x < 1) {
      return ((a + 2) * x - (a + 3)) * x * x + 1;
    }
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
  }
}
