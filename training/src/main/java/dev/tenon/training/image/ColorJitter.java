package dev.tenon.training.image;

import dev.tenon.engine.random.Philox;

/**
 * Random changes of brightness, contrast, saturation and hue in random order, as in torchvision on 8-bit
 * images: each result is rounded to 8 bits before the next.
 *
 * @param brightness factors are drawn from {@code [max(0, 1 - brightness), 1 + brightness]}
 * @param contrast likewise
 * @param saturation likewise
 * @param hue turns of the color circle are drawn from {@code [-hue, hue]}, at most 0.5
 */
public record ColorJitter(double brightness, double contrast, double saturation, double hue)
    implements Transform {
  private static final int KINDS = 4;

  @Override
  public Image apply(Image image, Philox random) {
    byte[] rgb = image.rgb().clone();
    Philox amounts = random.split("amount");
    for (int kind : random.split("order").permutation(KINDS)) {
      double draw = amounts.uniformDouble(kind);
      switch (kind) {
        case 0 -> brighten(rgb, factor(brightness, draw));
        case 1 -> contrast(rgb, factor(contrast, draw));
        case 2 -> saturate(rgb, factor(saturation, draw));
        default -> turnHue(rgb, hue * (2 * draw - 1));
      }
    }
    return new Image(image.width(), image.height(), rgb);
  }

  private static double factor(double strength, double draw) {
    double least = Math.max(0, 1 - strength);
    return least + (1 + strength - least) * draw;
  }

  private static void brighten(byte[] rgb, double factor) {
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] = blended(0, rgb[i] & 0xFF, factor);
    }
  }

  private static void contrast(byte[] rgb, double factor) {
    long sum = 0;
    for (int i = 0; i < rgb.length; i += Image.CHANNELS) {
      sum += luma(rgb, i);
    }
    double mean = Math.rint((double) sum * Image.CHANNELS / rgb.length);
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] = blended(mean, rgb[i] & 0xFF, factor);
    }
  }

  private static void saturate(byte[] rgb, double factor) {
    for (int i = 0; i < rgb.length; i += Image.CHANNELS) {
      int gray = luma(rgb, i);
      for (int c = i; c < i + Image.CHANNELS; c++) {
        rgb[c] = blended(gray, rgb[c] & 0xFF, factor);
      }
    }
  }

  private static byte blended(double from, double to, double factor) {
    return (byte) Math.clamp(Math.round(from + factor * (to - from)), 0, 255);
  }

  /** ITU-R 601 luma in 16-bit fixed point. */
  private static int luma(byte[] rgb, int at) {
    int sum = 19_595 * (rgb[at] & 0xFF) + 38_470 * (rgb[at + 1] & 0xFF) + 7_471 * (rgb[at + 2] & 0xFF);
    return sum + 0x8000 >> 16;
  }

  /** Keeps largest and smallest channel and moves the color along the circle by {@code turns}. */
  private static void turnHue(byte[] rgb, double turns) {
    if (turns == 0) {
      return;
    }
    for (int i = 0; i < rgb.length; i += Image.CHANNELS) {
      int red = rgb[i] & 0xFF;
      int green = rgb[i + 1] & 0xFF;
      int blue = rgb[i + 2] & 0xFF;
      int most = Math.max(red, Math.max(green, blue));
      int least = Math.min(red, Math.min(green, blue));
      double chroma = most - least;
      if (chroma == 0) {
        continue;
      }
      double sextant = most == red
          ? (green - blue) / chroma
          : most == green ? 2 + (blue - red) / chroma : 4 + (red - green) / chroma;
      double turned = sextant + 6 * turns;
      rgb[i] = channel(turned, 5, most, chroma);
      rgb[i + 1] = channel(turned, 3, most, chroma);
      rgb[i + 2] = channel(turned, 1, most, chroma);
    }
  }

  /** A channel of the color at {@code sextant} of the circle: the largest value less a trapezoid of it. */
  private static byte channel(double sextant, int shift, int most, double chroma) {
    double k = (sextant + shift) % 6;
    double place = k < 0 ? k + 6 : k;
    double share = Math.clamp(Math.min(place, 4 - place), 0.0, 1.0);
    return (byte) Math.round(most - chroma * share);
  }
}
