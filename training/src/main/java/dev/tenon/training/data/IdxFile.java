package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import dev.tenon.training.image.Image;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;

/**
 * A file of many small gray images or of their labels, held in memory, for it is compact: MNIST takes 47 MB.
 *
 * @param height rows of an image; 1 for labels
 * @param width columns of an image; 1 for labels
 * @param values one byte a pixel or label
 */
public record IdxFile(Path file, int count, int height, int width, byte[] values) {
  /** The first four bytes: unsigned bytes in three dimensions. */
  static final int IMAGES = 0x0803;
  /** Unsigned bytes in one dimension. */
  static final int LABELS = 0x0801;

  static IdxFile read(Path file, int magic) {
    try (InputStream raw = new BufferedInputStream(Files.newInputStream(file));
        var in = new DataInputStream(file.toString().endsWith(".gz") ? new GZIPInputStream(raw) : raw)) {
      int found = in.readInt();
      if (found != magic) {
        throw damaged(file, "it does not start with the number of an idx file of "
            + (magic == IMAGES ? "images" : "labels"));
      }
      int count = in.readInt();
      int height = magic == IMAGES ? in.readInt() : 1;
      int width = magic == IMAGES ? in.readInt() : 1;
      double size = (double) count * height * width;
      if (count <= 0 || height <= 0 || width <= 0 || size > Integer.MAX_VALUE - 8) {
        throw damaged(file, "it claims " + count + " entries of " + width + "x" + height);
      }
      // Read as far as there is data: a false header must not take memory that the file does not have.
      byte[] values = in.readNBytes((int) size);
      if (values.length < size) {
        throw damaged(file, "it is truncated");
      }
      return new IdxFile(file, count, height, width, values);
    } catch (IOException e) {
      throw damaged(file, String.valueOf(e.getMessage()));
    }
  }

  private static TenonException damaged(Path file, String what) {
    return new TenonException(file + ": not a readable idx file (" + what + "); download it again");
  }

  int label(int index) {
    return values[index] & 0xFF;
  }

  Image image(int index) {
    byte[] rgb = new byte[height * width * Image.CHANNELS];
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] = values[index * height * width + i / Image.CHANNELS];
    }
    return new Image(width, height, rgb);
  }
}
