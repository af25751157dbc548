package dev.tenon.training.demo;

/**
 * A pattern of two colors on a thing.
 *
 * @param kind what repeats
 * @param period after which length it repeats; the image is 2 wide
 * @param angle of the stripes or rows against the image's horizontal, in radians
 */
record Texture(Kind kind, double period, double angle) {
  enum Kind {
    PLAIN,
    STRIPED,
    DOTTED,
    CHECKED
  }

  static Texture plain() {
    return new Texture(Kind.PLAIN, 1, 0);
  }

  /** The share of the second color at (x, y), smooth over the width {@code pixel} of one pixel. */
  double accent(double x, double y, double pixel) {
    if (kind == Kind.PLAIN) {
      return 0;
    }
    double along = (x * Math.cos(angle) + y * Math.sin(angle)) / period;
    double across = (y * Math.cos(angle) - x * Math.sin(angle)) / period;
    return switch (kind) {
      case PLAIN -> 0;
      case STRIPED -> band(across, pixel);
      case DOTTED -> {
        double fromDot = Math.hypot(along - Math.rint(along), across - Math.rint(across));
        yield Painter.coverage((fromDot - 0.33) * period, pixel);
      }
      case CHECKED -> {
        double a = band(along, pixel);
        double b = band(across, pixel);
        yield a + b - 2 * a * b;
      }
    };
  }

  private double band(double turns, double pixel) {
    return Painter.coverage((Math.abs(turns - Math.rint(turns)) - 0.25) * period, pixel);
  }
}
