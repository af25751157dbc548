package dev.tenon.training.report;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/** TFRecord framing: length, checksum of the length, data, checksum of the data. */
final class RecordFrame {
  private static final int MASK_DELTA = 0xa282ead8;

  private RecordFrame() {}

  static byte[] around(byte[] data) {
    var length = ByteBuffer.allocate(Long.BYTES)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(0, data.length)
        .array();
    return ByteBuffer.allocate(Long.BYTES + 2 * Integer.BYTES + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(length)
        .putInt(maskedChecksum(length))
        .put(data)
        .putInt(maskedChecksum(data))
        .array();
  }

  /** CRC-32C, rotated and shifted so that data which itself contains checksums stays well protected. */
  static int maskedChecksum(byte[] bytes) {
    var crc = new CRC32C();
    crc.update(bytes);
    return Integer.rotateRight((int) crc.getValue(), 15) + MASK_DELTA;
  }
}
