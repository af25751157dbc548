package dev.tenon.training.demo;

import dev.tenon.engine.random.Philox;

/** Turns a scene into pixels: layers of smooth coverage, then light, then the noise of a camera. */
final class Painter {
  private static final double SHADOW_WIDTH = 0.16;
  private static final double SHADOW_DEPTH = 0.4;
  private static final double SHADOW_SHIFT = 0.05;
  private static final double RIM_DARKNESS = 0.28;
  /** Outlines stay inside this many radii. */
  private static final double REACH = 1.1;

  private final int size;
  private final double pixel;
  private final float[] rgb;

  private Painter(int size) {
    this.size = size;
    pixel = 2.0 / size;
    rgb = new float[size * size * 3];
  }

  /** The scene as {@code [size][size][3]} bytes; the noise is the stream's. */
  static byte[] paint(Scene scene, int size, Philox random) {
    Painter painter = new Painter(size);
    painter.background(scene);
    scene.blots().forEach(painter::blot);
    for (Thing thing : scene.things()) {
      painter.shadow(thing);
      painter.fill(thing);
    }
    painter.light(scene.light());
    return painter.develop(scene.noise(), random);
  }

  /** How much of a pixel lies inside an edge at this signed distance. */
  static double coverage(double distance, double pixel) {
    return Math.clamp(0.5 - distance / pixel, 0, 1);
  }

  private void background(Scene scene) {
    double cos = Math.cos(scene.light().angle());
    double sin = Math.sin(scene.light().angle());
    for (int row = 0; row < size; row++) {
      for (int column = 0; column < size; column++) {
        double share = Math.clamp(0.5 + 0.4 * (at(column) * cos + at(row) * sin), 0, 1);
        blend(row, column, scene.ground(), 1);
        blend(row, column, scene.horizon(), share);
      }
    }
  }

  private void blot(Thing thing) {
    eachNear(thing, 0, (row, column, x, y) ->
        blend(row, column, thing.color(), 0.5 * coverage(thing.distance(x, y), 4 * pixel)));
  }

  private void shadow(Thing thing) {
    eachNear(thing, SHADOW_WIDTH + SHADOW_SHIFT, (row, column, x, y) -> {
      double distance = thing.distance(x - SHADOW_SHIFT, y - SHADOW_SHIFT);
      double depth = Math.clamp(0.5 - distance / SHADOW_WIDTH, 0, 1);
      blend(row, column, Palette.INK, SHADOW_DEPTH * depth * depth);
    });
  }

  private void fill(Thing thing) {
    Rgb accent = Palette.accentOf(thing.color());
    double rim = Math.max(0.07 * thing.radius(), 0.6 * pixel);
    eachNear(thing, pixel, (row, column, x, y) -> {
      double distance = thing.distance(x, y);
      double inside = coverage(distance, pixel);
      if (inside > 0) {
        double inner = coverage(distance + rim, pixel);
        double glow = Math.clamp(0.12 - 0.2 * (y - thing.y() + x - thing.x()), 0, 0.3);
        double second = thing.accent(x, y, pixel);
        blend(row, column, thing.color(), inside);
        blend(row, column, accent, inside * second);
        blend(row, column, Palette.CREAM, inside * glow);
        blend(row, column, Palette.INK, inside * (1 - inner) * RIM_DARKNESS);
      }
    });
  }

  private void light(Scene.Light light) {
    double cos = light.slope() * Math.cos(light.angle());
    double sin = light.slope() * Math.sin(light.angle());
    for (int row = 0; row < size; row++) {
      for (int column = 0; column < size; column++) {
        float gain = (float) (light.exposure() + at(column) * cos + at(row) * sin);
        for (int channel = 0; channel < 3; channel++) {
          rgb[(row * size + column) * 3 + channel] *= gain;
        }
      }
    }
  }

  private byte[] develop(double noise, Philox random) {
    byte[] bytes = new byte[rgb.length];
    // The sum of eight bytes is close to normal, with this deviation.
    double scale = noise * 255 / Math.sqrt(8 * (256 * 256 - 1) / 12.0);
    for (int i = 0; i < bytes.length; i++) {
      long bits = random.bits64(i);
      int sum = 0;
      for (int shift = 0; shift < Long.SIZE; shift += Byte.SIZE) {
        sum += (int) (bits >>> shift & 255);
      }
      bytes[i] = (byte) Math.clamp(Math.round(rgb[i] * 255 + scale * (sum - 1020)), 0, 255);
    }
    return bytes;
  }

  private void blend(int row, int column, Rgb color, double share) {
    int i = (row * size + column) * 3;
    rgb[i] += (float) (share * (color.red() - rgb[i]));
    rgb[i + 1] += (float) (share * (color.green() - rgb[i + 1]));
    rgb[i + 2] += (float) (share * (color.blue() - rgb[i + 2]));
  }

  /** The coordinate of the middle of a pixel. */
  private double at(int index) {
    return (index + 0.5) * pixel - 1;
  }

  private int indexOf(double coordinate) {
    return (int) Math.clamp(Math.floor((coordinate + 1) / pixel), -1, size);
  }

  private void eachNear(Thing thing, double margin, PixelAction action) {
    double reach = REACH * thing.radius() + margin;
    int lastRow = Math.min(size - 1, indexOf(thing.y() + reach));
    int lastColumn = Math.min(size - 1, indexOf(thing.x() + reach));
    for (int row = Math.max(0, indexOf(thing.y() - reach)); row <= lastRow; row++) {
      for (int column = Math.max(0, indexOf(thing.x() - reach)); column <= lastColumn; column++) {
        action.accept(row, column, at(column), at(row));
      }
    }
  }

  @FunctionalInterface
  private interface PixelAction {
    void accept(int row, int column, double x, double y);
  }
}
