package dev.tenon.training.data;

import dev.tenon.training.image.Image;
import dev.tenon.training.image.ImageDecoder;
import dev.tenon.training.image.Interpolation;
import dev.tenon.training.image.Resize;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Keeps decoded images between epochs while they fit, because decoding a JPEG costs more than augmenting it.
 * What is kept never changes the result: an image is decoded and reduced the same way whether or not it then
 * finds room. Safe for use by several threads.
 */
public final class ImageCache {
  private final ImageDecoder decoder;
  private final int shortSide;
  private final long byteLimit;
  private final Map<SampleImage, Image> images = new ConcurrentHashMap<>();
  private final AtomicLong bytes = new AtomicLong();

  /**
   * @param shortSide images with a longer short side are reduced to it (bicubic, antialiased) before anything
   *     else sees them; 0 keeps every pixel
   * @param byteLimit room for pixels; 0 keeps nothing
   */
  public ImageCache(ImageDecoder decoder, int shortSide, long byteLimit) {
    this.decoder = decoder;
    this.shortSide = shortSide;
    this.byteLimit = byteLimit;
  }

  /** Decodes anew every time, at full size. */
  public static ImageCache none(ImageDecoder decoder) {
    return new ImageCache(decoder, 0, 0);
  }

  /**
   * The decoded, possibly reduced image.
   *
   * @throws dev.tenon.engine.TenonException when it cannot be read
   */
  public Image get(SampleImage source) {
    // These are in memory already.
    if (source instanceof SampleImage.OfIdx) {
      return reduced(source.load(decoder));
    }
    Image kept = images.get(source);
    if (kept != null) {
      return kept;
    }
    Image image = reduced(source.load(decoder));
    long size = image.rgb().length;
    if (bytes.addAndGet(size) > byteLimit || images.putIfAbsent(source, image) != null) {
      bytes.addAndGet(-size);
    }
    return image;
  }

  /** Bytes of pixels that are kept. */
  public long bytes() {
    return bytes.get();
  }

  private Image reduced(Image image) {
    if (shortSide == 0 || image.shortSide() <= shortSide) {
      return image;
    }
    return new Resize(Interpolation.BICUBIC, true).shortSide(image, shortSide);
  }
}
