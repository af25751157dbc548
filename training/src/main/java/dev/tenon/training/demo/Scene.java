package dev.tenon.training.demo;

import java.util.List;

/**
 * What an image shows and in which light.
 *
 * @param ground color of the background on one side
 * @param horizon color of the background on the other side
 * @param blots what lies out of focus on the background, painted without rim and shadow
 * @param things the objects, those in front last
 * @param light how strongly the light falls off across the image, and the mean brightness
 * @param noise standard deviation of the pixel noise, 1 being white
 */
record Scene(Rgb ground, Rgb horizon, List<Thing> blots, List<Thing> things, Light light, double noise) {

  /** Brightness {@code exposure}, rising by {@code slope} per unit towards {@code angle}. */
  record Light(double exposure, double slope, double angle) {}
}
