package dev.tenon.training.image;

/** Reads binary PPM and PGM (P6, P5), which the JDK does not: the format of GTSRB and of many tools. */
final class PortableAnymap {
  private final byte[] file;
  private int at = 2;

  private PortableAnymap(byte[] file) {
    this.file = file;
  }

  static boolean accepts(byte[] file) {
    return file.length > 2 && file[0] == 'P' && (file[1] == '5' || file[1] == '6');
  }

  /**
   * @throws CorruptImageException when the header is not a header or pixels are missing
   */
  static Image decode(byte[] file) throws CorruptImageException {
    return new PortableAnymap(file).decode();
  }

  private Image decode() throws CorruptImageException {
    int channels = file[1] == '6' ? Image.CHANNELS : 1;
    int width = number("width");
    int height = number("height");
    int max = number("maximum value");
    if (max > 65_535) {
      throw new CorruptImageException("its header has the maximum value " + max + ", above 65535");
    }
    at++;
    int sampleBytes = max > 255 ? 2 : 1;
    long pixels = (long) width * height;
    ImageDecoder.checkSize(width, height);
    if (pixels * channels * sampleBytes > file.length - at) {
      throw new CorruptImageException("it is truncated");
    }
    byte[] rgb = new byte[(int) pixels * Image.CHANNELS];
    for (int i = 0; i < pixels; i++) {
      for (int c = 0; c < Image.CHANNELS; c++) {
        int sample = sample(i * channels + Math.min(c, channels - 1), sampleBytes);
        rgb[i * Image.CHANNELS + c] = (byte) (max == 255 ? sample : Math.min(255, (sample * 255L + max / 2) / max));
      }
    }
    return new Image(width, height, rgb);
  }

  private int sample(int index, int bytes) {
    int from = at + index * bytes;
    int high = file[from] & 0xFF;
    return bytes == 1 ? high : high << 8 | file[from + 1] & 0xFF;
  }

  /** The next positive number of the header; comments run from '#' to the end of the line. */
  private int number(String what) throws CorruptImageException {
    while (at < file.length && (file[at] == '#' || Character.isWhitespace(file[at]))) {
      if (file[at] == '#') {
        while (at < file.length && file[at] != '\n') {
          at++;
        }
      } else {
        at++;
      }
    }
    long value = 0;
    int from = at;
    while (at < file.length && Character.isDigit(file[at]) && value < Integer.MAX_VALUE) {
      value = value * 10 + file[at++] - '0';
    }
    if (at == from || value == 0 || value > Integer.MAX_VALUE) {
      throw new CorruptImageException("its header has no valid " + what);
    }
    return (int) value;
  }
}
