package dev.tenon.training.image;

import java.nio.charset.StandardCharsets;

/**
 * The two facts about a JPEG file that decoders keep to themselves: the camera's orientation, and whether the
 * file ends where an image should. (libjpeg paints what is missing from a truncated file gray and goes on.)
 *
 * @param orientation EXIF orientation, 1 … 8; 1 when there is none
 * @param complete whether the end-of-image marker is there
 */
record JpegMarkers(int orientation, boolean complete) {
  private static final int START_OF_SCAN = 0xDA;
  private static final int END_OF_IMAGE = 0xD9;
  private static final int APP1 = 0xE1;
  private static final int TAG_ORIENTATION = 0x0112;
  private static final int ENTRY_BYTES = 12;

  static JpegMarkers of(byte[] file) {
    int orientation = 1;
    int at = 2;
    while (at + 3 < file.length) {
      if (u8(file, at) != 0xFF || u8(file, at + 1) == 0xFF) {
        at++;
        continue;
      }
      int marker = u8(file, at + 1);
      if (marker == END_OF_IMAGE) {
        return new JpegMarkers(orientation, true);
      }
      if (standsAlone(marker)) {
        at += 2;
        continue;
      }
      int length = u16(file, at + 2, false);
      if (marker == APP1) {
        orientation = exifOrientation(file, at + 4, Math.min(file.length, at + 2 + length), orientation);
      }
      at += 2 + Math.max(2, length);
      if (marker == START_OF_SCAN) {
        at = endOfScan(file, at);
      }
    }
    boolean atEnd = at + 1 < file.length && u8(file, at) == 0xFF && u8(file, at + 1) == END_OF_IMAGE;
    return new JpegMarkers(orientation, atEnd || endsWithMarker(file));
  }

  private static boolean endsWithMarker(byte[] file) {
    return file.length >= 2
        && u8(file, file.length - 2) == 0xFF
        && u8(file, file.length - 1) == END_OF_IMAGE;
  }

  /** Markers without a length: stuffed zero, TEM, restarts and start of image. */
  private static boolean standsAlone(int marker) {
    return marker <= 0x01 || marker >= 0xD0 && marker <= 0xD8;
  }

  /** The first marker after entropy-coded data, where 0xFF is followed by zero or by a restart number. */
  private static int endOfScan(byte[] file, int from) {
    int at = from;
    while (at + 1 < file.length) {
      if (file[at] == -1 && file[at + 1] != -1 && !standsAlone(u8(file, at + 1))) {
        return at;
      }
      at++;
    }
    return at;
  }

  private static int exifOrientation(byte[] file, int from, int to, int otherwise) {
    int tiff = from + 6;
    if (tiff + 8 > to || !new String(file, from, 4, StandardCharsets.US_ASCII).equals("Exif")) {
      return otherwise;
    }
    boolean little = file[tiff] == 'I';
    long directory = tiff + u32(file, tiff + 4, little);
    if (directory + 2 > to) {
      return otherwise;
    }
    int entries = u16(file, (int) directory, little);
    for (int i = 0; i < entries; i++) {
      long entry = directory + 2 + (long) i * ENTRY_BYTES;
      if (entry + ENTRY_BYTES > to) {
        return otherwise;
      }
      if (u16(file, (int) entry, little) == TAG_ORIENTATION) {
        int value = u16(file, (int) entry + 8, little);
        return value >= 1 && value <= 8 ? value : otherwise;
      }
    }
    return otherwise;
  }

  private static int u8(byte[] bytes, int at) {
    return bytes[at] & 0xFF;
  }

  private static int u16(byte[] bytes, int at, boolean little) {
    int first = u8(bytes, at);
    int second = u8(bytes, at + 1);
    return little ? second << 8 | first : first << 8 | second;
  }

  private static long u32(byte[] bytes, int at, boolean little) {
    long first = u16(bytes, at, little);
    long second = u16(bytes, at + 2, little);
    return little ? second << 16 | first : first << 16 | second;
  }
}
