package dev.tenon.training.image;

import dev.tenon.engine.random.Philox;
import java.util.List;

/**
 * A random rectangle of the image, resized to a square (Szegedy and others, "Going deeper with convolutions",
 * 2014, in the form of timm).
 *
 * @param size side of the result in pixels
 * @param leastArea smallest share of the image's area that is kept
 * @param mostArea largest share
 * @param leastRatio smallest width / height of the rectangle
 * @param mostRatio largest
 * @param resizes one of these is drawn for each image
 */
public record RandomResizedCrop(
    int size, double leastArea, double mostArea, double leastRatio, double mostRatio, List<Resize> resizes)
    implements Transform {
  private static final int TRIES = 10;
  /** Random draws of one try: area, ratio, left, top. */
  private static final int DRAWS = 4;

  public RandomResizedCrop {
    resizes = List.copyOf(resizes);
  }

  @Override
  public Image apply(Image image, Philox random) {
    Image cut = cut(image, random.split("rectangle"));
    Resize resize = resizes.get(random.split("resize").nextInt(0, resizes.size()));
    return resize.apply(cut, size, size);
  }

  private Image cut(Image image, Philox random) {
    for (int draw = 0; draw < TRIES * DRAWS; draw += DRAWS) {
      double area = between(leastArea, mostArea, random.uniformDouble(draw)) * image.width() * image.height();
      double logRatio = between(Math.log(leastRatio), Math.log(mostRatio), random.uniformDouble(draw + 1));
      double ratio = Math.exp(logRatio);
      int width = (int) Math.rint(Math.sqrt(area * ratio));
      int height = (int) Math.rint(Math.sqrt(area / ratio));
      if (width > 0 && height > 0 && width <= image.width() && height <= image.height()) {
        int left = random.nextInt(draw + 2, image.width() - width + 1);
        int top = random.nextInt(draw + 3, image.height() - height + 1);
        return image.crop(left, top, width, height);
      }
    }
    return largestInRatio(image);
  }

  /** The largest rectangle of an allowed ratio, in the middle. */
  private Image largestInRatio(Image image) {
    double ratio = (double) image.width() / image.height();
    int width = image.width();
    int height = image.height();
    if (ratio < leastRatio) {
      height = Math.max(1, (int) Math.rint(width / leastRatio));
    } else if (ratio > mostRatio) {
      width = Math.max(1, (int) Math.rint(height * mostRatio));
    }
    return image.crop((image.width() - width) / 2, (image.height() - height) / 2, width, height);
  }

  private static double between(double low, double high, double share) {
    return low + (high - low) * share;
  }
}
