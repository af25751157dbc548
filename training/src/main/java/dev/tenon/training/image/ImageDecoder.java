package dev.tenon.training.image;

import dev.tenon.engine.TenonException;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * Reads image files into RGB pixels, exactly as stored: JPEG (baseline, progressive, grayscale, CMYK and
 * YCCK), PNG, BMP, PPM, PGM, and what else the JDK reads. Alpha is dropped, color profiles are not applied,
 * gray is replicated, 16 bits are cut to 8. Safe for use by several threads.
 *
 * @param exif whether the orientation noted by a camera is applied
 */
public record ImageDecoder(ExifOrientation exif) {
  /** More is a mistake or an attack, not a picture: the pixels alone would take 400 MB. */
  private static final long MOST_PIXELS = 1L << 27;

  /**
   * The image in {@code file}.
   *
   * @throws TenonException when the file is missing, empty, truncated, corrupt or in an unknown format
   */
  public Image decode(Path file) {
    try {
      return decode(Files.readAllBytes(file));
    } catch (NoSuchFileException _) {
      throw new TenonException(file + ": no such image; restore it or remove it from the data set's lists");
    } catch (CorruptImageException e) {
      throw new TenonException(file + ": not a readable image, for " + e.getMessage()
          + "; replace it or remove it from the data set");
    } catch (IOException | RuntimeException e) {
      throw new TenonException(file + ": not a readable image (" + reason(e)
          + "); replace it or remove it from the data set", e);
    }
  }

  private static String reason(Exception e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }

  private Image decode(byte[] file) throws IOException {
    if (file.length == 0) {
      throw new CorruptImageException("it is empty");
    }
    if (PortableAnymap.accepts(file)) {
      return PortableAnymap.decode(file);
    }
    if (file.length > 3 && file[0] == (byte) 0xFF && file[1] == (byte) 0xD8) {
      return decodeJpeg(file);
    }
    try (var stream = new MemoryCacheImageInputStream(new ByteArrayInputStream(file))) {
      Iterator<ImageReader> readers = ImageIO.getImageReaders(stream);
      if (!readers.hasNext()) {
        throw new CorruptImageException("it is neither JPEG nor PNG, BMP, PPM or PGM");
      }
      return read(readers.next(), stream);
    }
  }

  private Image decodeJpeg(byte[] file) throws IOException {
    JpegMarkers markers = JpegMarkers.of(file);
    byte[] whole = file;
    if (!markers.complete()) {
      whole = Arrays.copyOf(file, file.length + 2);
      whole[file.length] = (byte) 0xFF;
      whole[file.length + 1] = (byte) 0xD9;
    }
    boolean[] warned = new boolean[1];
    // The library imageio-jpeg puts its reader before the JDK's, which refuses CMYK.
    ImageReader reader = ImageIO.getImageReadersByFormatName("jpeg").next();
    reader.addIIOReadWarningListener((_, _) -> warned[0] = true);
    try (var stream = new MemoryCacheImageInputStream(new ByteArrayInputStream(whole))) {
      Image image = read(reader, stream);
      if (warned[0] && !markers.complete()) {
        throw new CorruptImageException("it is truncated");
      }
      return exif == ExifOrientation.APPLY ? image.oriented(markers.orientation()) : image;
    }
  }

  private static Image read(ImageReader reader, MemoryCacheImageInputStream stream) throws IOException {
    try {
      reader.setInput(stream, true, true);
      checkSize(reader.getWidth(0), reader.getHeight(0));
      BufferedImage picture = reader.read(0);
      return RgbPixels.of(picture);
    } finally {
      reader.dispose();
    }
  }

  static void checkSize(int width, int height) throws CorruptImageException {
    if ((long) width * height > MOST_PIXELS) {
      throw new CorruptImageException("it claims " + width + "x" + height + " pixels, more than " + MOST_PIXELS);
    }
  }
}
