package dev.tenon.training.recipe;

import java.util.List;

/**
 * How an image becomes a network input.
 *
 * @param crop in training
 * @param scale share of the area a random crop keeps, least and most
 * @param ratio aspect ratio (width / height) of a random crop, least and most
 * @param interpolation in training; {@code RANDOM} draws bilinear or bicubic for each image
 * @param flip probability of a horizontal flip
 * @param colorJitter strength of brightness, contrast and saturation changes; 0 is off
 * @param testCrop in evaluation
 * @param testCropPercent side of the test crop over the short side of the resized image (timm's {@code
 *     crop_pct})
 * @param testInterpolation in evaluation
 * @param antialias whether shrinking widens the filter, as Pillow does
 * @param mean of each channel (red, green, blue), subtracted from values in [0, 1]
 * @param std of each channel, divided by after that
 */
public record AugmentSpec(
    TrainCrop crop,
    List<Double> scale,
    List<Double> ratio,
    Interpolation interpolation,
    double flip,
    double colorJitter,
    TestCrop testCrop,
    double testCropPercent,
    Interpolation testInterpolation,
    boolean antialias,
    List<Double> mean,
    List<Double> std) {

  /** Geometry in training. */
  public enum TrainCrop {
    RANDOM_RESIZED,
    /** The whole image, squeezed into the square. */
    SQUASH,
    /** As in evaluation. */
    CENTER
  }

  /** Geometry in evaluation. */
  public enum TestCrop {
    /** The short side is resized, then the middle is cut out. */
    CENTER,
    SQUASH
  }

  /** Resampling filters. */
  public enum Interpolation {
    BILINEAR,
    BICUBIC,
    RANDOM
  }

  static final AugmentSpec DEFAULT = new AugmentSpec(
      TrainCrop.RANDOM_RESIZED,
      List.of(0.08, 1.0),
      List.of(0.75, 4.0 / 3),
      Interpolation.RANDOM,
      0.5,
      0,
      TestCrop.CENTER,
      0.9,
      Interpolation.BICUBIC,
      true,
      List.of(0.5, 0.5, 0.5),
      List.of(0.5, 0.5, 0.5));

  static AugmentSpec visit(Section s, AugmentSpec d) {
    var spec = new AugmentSpec(
        s.choice("crop", d.crop),
        s.numbers("scale", d.scale, 2, 0.001, 1),
        s.numbers("ratio", d.ratio, 2, 0.01, 100),
        s.choice("interpolation", d.interpolation),
        s.number("flip", d.flip, 0, 1),
        s.number("color-jitter", d.colorJitter, 0, 1),
        s.choice("test-crop", d.testCrop),
        s.number("test-crop-percent", d.testCropPercent, 0.1, 1),
        s.choice("test-interpolation", d.testInterpolation),
        s.flag("antialias", d.antialias),
        s.numbers("mean", d.mean, 3, -10, 10),
        s.numbers("std", d.std, 3, 1e-6, 10));
    s.check(spec.scale.get(0) <= spec.scale.get(1), "scale", "must name the smaller share first");
    s.check(spec.ratio.get(0) <= spec.ratio.get(1), "ratio", "must name the smaller ratio first");
    s.check(spec.testInterpolation != Interpolation.RANDOM, "test-interpolation",
        "cannot be random; evaluation must give the same answer twice");
    return spec;
  }
}
