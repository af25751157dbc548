package dev.tenon.training.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.TenonException;
import java.awt.Transparency;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImageDecoderTest {
  private static final ImageDecoder DECODER = new ImageDecoder(ExifOrientation.APPLY);
  /** Two shades of one hue: JPEG halves the resolution of color, not that of brightness. */
  private static final Image HALVES = Pictures.of(32, 16, (x, _, c) -> (x < 16 ? 40 : 120) + 30 * c);
  private static final int JPEG_ERROR = 3;

  @TempDir Path folder;

  @Test
  void pngAndBmpAreExact() throws IOException {
    Image image = Pictures.noise(13, 7, 1);

    assertThat(DECODER.decode(write(picture(image), "png"))).isEqualTo(image);
    assertThat(DECODER.decode(write(picture(image), "bmp"))).isEqualTo(image);
  }

  @Test
  void alphaIsDropped() throws IOException {
    var picture = new BufferedImage(2, 1, BufferedImage.TYPE_INT_ARGB);
    picture.setRGB(0, 0, 0x00102030);
    picture.setRGB(1, 0, 0x80405060);

    Image image = DECODER.decode(write(picture, "png"));

    assertThat(image.rgb()).containsExactly(0x10, 0x20, 0x30, 0x40, 0x50, 0x60);
  }

  @Test
  void palettesAreLookedUp() throws IOException {
    byte[] red = {10, 20, 30, 40};
    byte[] green = {50, 60, 70, 80};
    byte[] blue = {0, 1, 2, 3};
    var palette = new IndexColorModel(2, 4, red, green, blue);
    var picture = new BufferedImage(4, 1, BufferedImage.TYPE_BYTE_BINARY, palette);
    picture.getRaster().setSamples(0, 0, 4, 1, 0, new int[] {3, 1, 0, 2});

    Image image = DECODER.decode(write(picture, "png"));

    assertThat(image.rgb()).containsExactly(40, 80, 3, 20, 60, 1, 10, 50, 0, 30, 70, 2);
  }

  @Test
  void sixteenBitsAreCutToEight() throws IOException {
    var space = ColorSpace.getInstance(ColorSpace.CS_sRGB);
    var model = new ComponentColorModel(space, false, false, Transparency.OPAQUE, DataBuffer.TYPE_USHORT);
    WritableRaster raster = model.createCompatibleWritableRaster(1, 1);
    raster.setPixel(0, 0, new int[] {0x12FF, 0xFF00, 0x8001});

    Image image = DECODER.decode(write(new BufferedImage(model, raster, false, null), "png"));

    assertThat(image.rgb()).containsExactly((byte) 0x12, (byte) 0xFF, (byte) 0x80);
  }

  @ParameterizedTest
  @ValueSource(strings = {"png", "jpg"})
  void grayIsReplicatedWithoutAChangeOfBrightness(String format) throws IOException {
    var picture = new BufferedImage(16, 16, BufferedImage.TYPE_BYTE_GRAY);
    Arrays.fill(((DataBufferByte) picture.getRaster().getDataBuffer()).getData(), (byte) 100);

    Image image = DECODER.decode(write(picture, format));

    assertThat(image).isEqualTo(Pictures.of(16, 16, (_, _, _) -> 100));
  }

  @ParameterizedTest
  @ValueSource(strings = {"P6 4 2 255\n", "P6\n# made by hand\n4 2\n# twice\n255\n"})
  void ppmWithAndWithoutComments(String header) throws IOException {
    Image image = Pictures.noise(4, 2, 3);

    assertThat(DECODER.decode(file("x.ppm", header, image.rgb()))).isEqualTo(image);
  }

  @Test
  void pgmOfEightAndSixteenBitsAndOfAnotherMaximum() throws IOException {
    byte[] two = {(byte) 0x80, 0x00, 0x00, 0x00};

    assertThat(DECODER.decode(file("a.pgm", "P5 2 1 255 ", 7, 250)).rgb())
        .containsExactly(7, 7, 7, (byte) 250, (byte) 250, (byte) 250);
    assertThat(DECODER.decode(file("b.pgm", "P5 2 1 65535\n", two)).at(0, 0, 1)).isEqualTo(128);
    assertThat(DECODER.decode(file("c.pgm", "P5 1 1 15\n", 15)).at(0, 0, 0)).isEqualTo(255);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void jpegBaselineAndProgressive(boolean progressive) throws IOException {
    Image image = DECODER.decode(file("x.jpg", jpeg(HALVES, progressive)));

    assertThat(Pictures.largestDifference(image, HALVES)).isLessThanOrEqualTo(JPEG_ERROR);
  }

  @Test
  void cmykJpegOfAdobeIsInverted() throws IOException {
    WritableRaster raster = Raster.createInterleavedRaster(DataBuffer.TYPE_BYTE, 16, 16, 4, null);
    for (int y = 0; y < 16; y++) {
      for (int x = 0; x < 16; x++) {
        // Adobe stores 255 - ink: no cyan, full magenta, no yellow, no black.
        raster.setPixel(x, y, new int[] {255, 0, 255, 255});
      }
    }

    Image image = DECODER.decode(file("x.jpg", cmykJpeg(raster)));

    assertThat(image.at(8, 8, 0)).isGreaterThan(200);
    assertThat(image.at(8, 8, 1)).isLessThan(60);
    assertThat(image.at(8, 8, 2)).isGreaterThan(100);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void exifOrientationIsAppliedOrIgnoredAsAsked(int orientation) throws IOException {
    for (boolean little : new boolean[] {false, true}) {
      Path file = file("x.jpg", withOrientation(jpeg(HALVES, false), orientation, little));

      Image applied = DECODER.decode(file);
      Image ignored = new ImageDecoder(ExifOrientation.IGNORE).decode(file);

      assertThat(Pictures.largestDifference(ignored, HALVES)).isLessThanOrEqualTo(JPEG_ERROR);
      assertThat(applied).isEqualTo(ignored.oriented(orientation));
      assertThat(applied.width()).isEqualTo(orientation < 5 ? 32 : 16);
    }
  }

  @Test
  void anEmptyFileIsNamed() throws IOException {
    assertRefused(file("empty.jpg", new byte[0]), "it is empty");
  }

  @Test
  void aMissingFileIsNamed() {
    assertRefused(folder.resolve("gone.jpg"), "no such image");
  }

  @Test
  void anUnknownFormatIsNamed() throws IOException {
    assertRefused(file("x.jpg", "not an image at all".getBytes(StandardCharsets.UTF_8)), "neither JPEG nor");
  }

  @Test
  void truncatedFilesAreRefused() throws IOException {
    Image noise = Pictures.noise(64, 64, 9);
    byte[] jpeg = jpeg(noise, false);
    byte[] png = Files.readAllBytes(write(picture(noise), "png"));

    assertRefused(file("half.jpg", Arrays.copyOf(jpeg, jpeg.length / 2)), "truncated");
    assertRefused(file("head.jpg", Arrays.copyOf(jpeg, 20)), "not a readable image");
    assertRefused(file("half.png", Arrays.copyOf(png, png.length / 2)), "not a readable image");
    assertRefused(file("half.ppm", "P6 8 8 255\n", new byte[100]), "truncated");
    assertRefused(file("head.ppm", "P6 8 ", new byte[0]), "no valid height");
  }

  @Test
  void aJpegThatOnlyLacksItsEndMarkerIsRead() throws IOException {
    byte[] jpeg = jpeg(HALVES, false);

    Image image = DECODER.decode(file("x.jpg", Arrays.copyOf(jpeg, jpeg.length - 2)));

    assertThat(Pictures.largestDifference(image, HALVES)).isLessThanOrEqualTo(JPEG_ERROR);
  }

  @Test
  void anAbsurdSizeIsRefusedBeforeMemoryIsTaken() throws IOException {
    assertRefused(file("bomb.ppm", "P6 2000000000 2000000000 255\n", new byte[9]), "claims");
  }

  @Test
  void grayscaleImagesOfTinyImageNetDecode() throws IOException {
    Path images = Path.of(System.getProperty("tenon.shared", "../../shared"), "data/weights/tinyimagenet_val/images");
    Assumptions.assumeTrue(Files.isDirectory(images), () -> "skipped: no folder " + images);
    int gray = 0;
    try (Stream<Path> files = Files.list(images)) {
      for (Path file : files.toList()) {
        Image image = DECODER.decode(file);
        assertThat(image).hasToString("Image 64x64");
        gray += isGray(image) ? 1 : 0;
      }
    }
    assertThat(gray).isGreaterThanOrEqualTo(5);
  }

  private static boolean isGray(Image image) {
    byte[] rgb = image.rgb();
    for (int i = 0; i < rgb.length; i += Image.CHANNELS) {
      if (rgb[i] != rgb[i + 1] || rgb[i] != rgb[i + 2]) {
        return false;
      }
    }
    return true;
  }

  private static void assertRefused(Path file, String reason) {
    assertThatThrownBy(() -> DECODER.decode(file))
        .isInstanceOf(TenonException.class)
        .hasMessageStartingWith(file.toString())
        .hasMessageContaining(reason)
        .hasMessageContaining("remove it");
  }

  private Path file(String name, byte[] content) throws IOException {
    return Files.write(folder.resolve(name), content);
  }

  private Path file(String name, String header, int... samples) throws IOException {
    byte[] bytes = new byte[samples.length];
    for (int i = 0; i < samples.length; i++) {
      bytes[i] = (byte) samples[i];
    }
    return file(name, header, bytes);
  }

  private Path file(String name, String header, byte[] samples) throws IOException {
    var bytes = new ByteArrayOutputStream();
    bytes.writeBytes(header.getBytes(StandardCharsets.US_ASCII));
    bytes.writeBytes(samples);
    return file(name, bytes.toByteArray());
  }

  private Path write(BufferedImage picture, String format) throws IOException {
    Path file = folder.resolve("x." + format);
    assertThat(ImageIO.write(picture, format, file.toFile())).isTrue();
    return file;
  }

  private static BufferedImage picture(Image image) {
    var picture = new BufferedImage(image.width(), image.height(), BufferedImage.TYPE_3BYTE_BGR);
    int[] samples = new int[image.rgb().length];
    for (int i = 0; i < samples.length; i++) {
      samples[i] = image.rgb()[i] & 0xFF;
    }
    picture.getRaster().setPixels(0, 0, image.width(), image.height(), samples);
    return picture;
  }

  private static byte[] jpeg(Image image, boolean progressive) throws IOException {
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    ImageWriteParam how = bestQuality(writer);
    how.setProgressiveMode(
        progressive ? ImageWriteParam.MODE_DEFAULT : ImageWriteParam.MODE_DISABLED);
    return written(writer, new IIOImage(picture(image), null, null), how);
  }

  /** Four bands with an Adobe segment whose transform is 0 and no JFIF segment: what a CMYK file looks like. */
  private static byte[] cmykJpeg(WritableRaster raster) throws IOException {
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    byte[] plain = written(writer, new IIOImage(raster, null, null), bestQuality(writer));
    return withSegment(plain, 0xEE, new byte[] {'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0});
  }

  private static ImageWriteParam bestQuality(ImageWriter writer) {
    ImageWriteParam how = writer.getDefaultWriteParam();
    how.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
    how.setCompressionQuality(1);
    return how;
  }

  private static byte[] written(ImageWriter writer, IIOImage image, ImageWriteParam how) throws IOException {
    var bytes = new ByteArrayOutputStream();
    try (var stream = ImageIO.createImageOutputStream(bytes)) {
      writer.setOutput(stream);
      writer.write(null, image, how);
    } finally {
      writer.dispose();
    }
    return bytes.toByteArray();
  }

  private static byte[] withOrientation(byte[] jpeg, int orientation, boolean little) {
    byte[] tiff = {
      'E', 'x', 'i', 'f', 0, 0,
      'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte) orientation, 0, 0, 0, 0, 0, 0
    };
    byte[] swapped = {
      'E', 'x', 'i', 'f', 0, 0,
      'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, (byte) orientation, 0, 0, 0, 0, 0, 0, 0
    };
    return withSegment(jpeg, 0xE1, little ? swapped : tiff);
  }

  /** The file with a segment right after its start marker. */
  private static byte[] withSegment(byte[] jpeg, int marker, byte[] content) {
    var bytes = new ByteArrayOutputStream();
    bytes.write(jpeg, 0, 2);
    bytes.write(0xFF);
    bytes.write(marker);
    bytes.write(content.length + 2 >> 8);
    bytes.write(content.length + 2);
    bytes.writeBytes(content);
    bytes.write(jpeg, 2, jpeg.length - 2);
    return bytes.toByteArray();
  }
}
