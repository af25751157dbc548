package dev.tenon.training.demo;

/** A color in sRGB, each channel from 0 to 1. */
record Rgb(double red, double green, double blue) {
  static Rgb of(int hex) {
    return new Rgb((hex >> 16 & 255) / 255.0, (hex >> 8 & 255) / 255.0, (hex & 255) / 255.0);
  }

  /** This color with {@code share} of the other. */
  Rgb mix(Rgb other, double share) {
    return new Rgb(
        red + share * (other.red - red),
        green + share * (other.green - green),
        blue + share * (other.blue - blue));
  }

  /** How bright it looks (the luma of Rec. 709). */
  double luma() {
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }
}
