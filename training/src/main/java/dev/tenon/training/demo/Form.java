package dev.tenon.training.demo;

/**
 * An outline of radius about 1, given by its signed distance, negative inside, which turns into an edge that
 * is smooth at any image size, and into a shadow and a rim as well.
 */
@FunctionalInterface
interface Form {
  /** Signed distance of (x, y) from the outline; exact near it. */
  double distance(double x, double y);

  static Form disc() {
    return (x, y) -> Math.hypot(x, y) - 0.9;
  }

  /** A star of {@code points} tips at radius 1 and as many notches at radius {@code notch}. */
  static Form star(int points, double notch) {
    double wedge = Math.PI / points;
    double edgeX = notch * Math.cos(wedge) - 1;
    double edgeY = notch * Math.sin(wedge);
    double length = Math.hypot(edgeX, edgeY);
    return (x, y) -> {
      // Every point has a mirror image between one tip and one notch; only that edge matters.
      double turn = Math.abs(Math.IEEEremainder(Math.atan2(y, x), 2 * wedge));
      double radius = Math.hypot(x, y);
      double fromTipX = radius * Math.cos(turn) - 1;
      double fromTipY = radius * Math.sin(turn);
      double along = Math.clamp((fromTipX * edgeX + fromTipY * edgeY) / (length * length), 0, 1);
      double distance = Math.hypot(fromTipX - along * edgeX, fromTipY - along * edgeY);
      return fromTipX * edgeY - fromTipY * edgeX < 0 ? -distance : distance;
    };
  }

  /** A regular polygon: a star whose notches are the middles of its sides. */
  static Form polygon(int corners) {
    return star(corners, Math.cos(Math.PI / corners));
  }

  static Form cross() {
    return (x, y) -> Math.min(box(x, y, 0.95, 0.34), box(x, y, 0.34, 0.95));
  }

  /** Two discs on the upper sides of a square that stands on its corner. */
  static Form heart() {
    double half = 0.5;
    double center = half / Math.sqrt(2);
    return (x, y) -> {
      double up = y + 0.12;
      double u = (x + up) / Math.sqrt(2);
      double v = (x - up) / Math.sqrt(2);
      double lobe = Math.hypot(Math.abs(x) - center, up + center) - half;
      return Math.min(box(u, v, half, half), lobe);
    };
  }

  /** A disc out of which another one has bitten. */
  static Form moon() {
    return (x, y) -> Math.max(Math.hypot(x, y) - 0.95, 0.72 - Math.hypot(x - 0.5, y));
  }

  /** A board that is {@code 2 * halfWidth} wide and longer than any image. */
  static Form board(double halfWidth) {
    return (_, y) -> Math.abs(y) - halfWidth;
  }

  private static double box(double x, double y, double halfWidth, double halfHeight) {
    double dx = Math.abs(x) - halfWidth;
    double dy = Math.abs(y) - halfHeight;
    return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0);
  }
}
