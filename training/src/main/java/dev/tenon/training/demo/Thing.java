package dev.tenon.training.demo;

/**
 * One object in an image, whose coordinates run from -1 to 1 in both directions, y downwards.
 *
 * @param form its outline
 * @param x center
 * @param y center
 * @param radius its size
 * @param turn the rotation of its outline in radians; the texture has an angle of its own
 * @param texture its pattern
 * @param color its main color; the second one of the texture follows from it
 */
record Thing(Form form, double x, double y, double radius, double turn, Texture texture, Rgb color) {
  /** Signed distance of the image's point (px, py) from the outline. */
  double distance(double px, double py) {
    double dx = (px - x) / radius;
    double dy = (py - y) / radius;
    double cos = Math.cos(turn);
    double sin = Math.sin(turn);
    return form.distance(dx * cos + dy * sin, dy * cos - dx * sin) * radius;
  }

  double accent(double px, double py, double pixel) {
    return texture.accent(px - x, py - y, pixel);
  }
}
