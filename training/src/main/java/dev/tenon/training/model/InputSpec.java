package dev.tenon.training.model;

import dev.tenon.engine.TenonException;
import dev.tenon.training.data.ImageCache;
import dev.tenon.training.image.ExifOrientation;
import dev.tenon.training.image.ImageDecoder;
import dev.tenon.training.image.Interpolation;
import dev.tenon.training.image.Normalize;
import dev.tenon.training.image.Preprocessing;
import dev.tenon.training.image.Resize;
import dev.tenon.training.recipe.AugmentSpec;
import dev.tenon.training.recipe.DataSpec;
import dev.tenon.training.recipe.Recipe;
import java.util.List;

/**
 * How an image file becomes the input a network was measured with.
 *
 * @param imageSize side of the square input in pixels
 * @param crop way to the square
 * @param cropPercent side of the center crop over the short side of the resized image
 * @param antialias whether shrinking widens the filter
 * @param mean of each channel on [0, 1]
 * @param std of each channel
 * @param exif whether the orientation noted by a camera is applied
 * @param shortSide images with a longer short side are reduced to it before anything else; 0 keeps every pixel
 */
public record InputSpec(
    int imageSize,
    AugmentSpec.TestCrop crop,
    double cropPercent,
    Interpolation interpolation,
    boolean antialias,
    List<Double> mean,
    List<Double> std,
    ExifOrientation exif,
    int shortSide) {
  public InputSpec {
    if (imageSize < 1 || !(cropPercent > 0 && cropPercent <= 1) || shortSide < 0) {
      throw new TenonException("a network input of size " + imageSize + ", crop percent " + cropPercent + " and short side " + shortSide
          + " cannot be made; the size must be positive, the crop percent in (0, 1], the short side at least 0");
    }
    mean = List.copyOf(mean);
    std = List.copyOf(std);
  }

  /** As the test images of {@code recipe}. */
  public static InputSpec of(Recipe recipe) {
    DataSpec data = recipe.data();
    AugmentSpec augment = data.augment();
    return new InputSpec(
        recipe.model().imageSize(),
        augment.testCrop(),
        augment.testCropPercent(),
        augment.testInterpolation() == AugmentSpec.Interpolation.BILINEAR ? Interpolation.BILINEAR : Interpolation.BICUBIC,
        augment.antialias(),
        augment.mean(),
        augment.std(),
        data.exif() == DataSpec.Exif.APPLY ? ExifOrientation.APPLY : ExifOrientation.IGNORE,
        data.cacheShortSide());
  }

  /** Reads image files, and keeps none of them. */
  public ImageCache images() {
    return new ImageCache(new ImageDecoder(exif), shortSide, 0);
  }

  /** From a decoded image to the network's input. */
  public Preprocessing preprocessing() {
    Resize resize = new Resize(interpolation, antialias);
    Normalize normalize = new Normalize(mean, std);
    return switch (crop) {
      case CENTER -> Preprocessing.test(imageSize, cropPercent, resize, normalize);
      case SQUASH -> Preprocessing.squash(imageSize, resize, normalize);
    };
  }
}
