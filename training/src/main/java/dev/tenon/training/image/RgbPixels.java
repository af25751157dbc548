package dev.tenon.training.image;

import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBufferByte;
import java.awt.image.PixelInterleavedSampleModel;
import java.awt.image.Raster;

/**
 * Takes the stored samples out of the JDK's image type. Its {@code getRGB} is no help: it converts through
 * color profiles, which brightens gray images and shifts colors against every other decoder.
 */
final class RgbPixels {
  private RgbPixels() {}

  static Image of(BufferedImage picture) {
    byte[] rgb;
    if (!(picture.getColorModel() instanceof ComponentColorModel model)) {
      rgb = fromPacked(picture);
    } else if (isPlainBytes(picture.getRaster())) {
      rgb = fromBytes(picture.getRaster());
    } else {
      rgb = fromSamples(picture.getRaster(), model);
    }
    return new Image(picture.getWidth(), picture.getHeight(), rgb);
  }

  private static boolean isPlainBytes(Raster raster) {
    return raster.getSampleModel() instanceof PixelInterleavedSampleModel
        && raster.getDataBuffer() instanceof DataBufferByte
        && raster.getParent() == null;
  }

  private static byte[] fromBytes(Raster raster) {
    var layout = (PixelInterleavedSampleModel) raster.getSampleModel();
    byte[] data = ((DataBufferByte) raster.getDataBuffer()).getData();
    int[] bands = layout.getBandOffsets();
    int red = bands[0];
    int green = bands[band(1, bands.length)];
    int blue = bands[band(2, bands.length)];
    int step = layout.getPixelStride();
    byte[] rgb = new byte[raster.getWidth() * raster.getHeight() * Image.CHANNELS];
    int to = 0;
    for (int y = 0; y < raster.getHeight(); y++) {
      int from = y * layout.getScanlineStride();
      for (int x = 0; x < raster.getWidth(); x++) {
        rgb[to] = data[from + red];
        rgb[to + 1] = data[from + green];
        rgb[to + 2] = data[from + blue];
        to += Image.CHANNELS;
        from += step;
      }
    }
    return rgb;
  }

  private static byte[] fromSamples(Raster raster, ComponentColorModel model) {
    int bands = raster.getNumBands();
    int width = raster.getWidth();
    byte[] rgb = new byte[width * raster.getHeight() * Image.CHANNELS];
    int[] row = null;
    int to = 0;
    for (int y = 0; y < raster.getHeight(); y++) {
      row = raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
      for (int x = 0; x < width; x++) {
        for (int c = 0; c < Image.CHANNELS; c++) {
          int band = band(c, bands);
          rgb[to++] = (byte) (row[x * bands + band] >> Math.max(0, model.getComponentSize(band) - 8));
        }
      }
    }
    return rgb;
  }

  /** Palettes and packed pixels, which are sRGB by definition. */
  private static byte[] fromPacked(BufferedImage picture) {
    int[] packed = picture.getRGB(0, 0, picture.getWidth(), picture.getHeight(), null, 0, picture.getWidth());
    byte[] rgb = new byte[packed.length * Image.CHANNELS];
    for (int i = 0; i < packed.length; i++) {
      rgb[i * Image.CHANNELS] = (byte) (packed[i] >> 16);
      rgb[i * Image.CHANNELS + 1] = (byte) (packed[i] >> 8);
      rgb[i * Image.CHANNELS + 2] = (byte) packed[i];
    }
    return rgb;
  }

  /** One band, or gray with alpha, serves all three channels. */
  private static int band(int channel, int bands) {
    return bands < Image.CHANNELS ? 0 : channel;
  }
}
