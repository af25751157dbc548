package dev.tenon.training.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.training.proto.ProtoMessage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Event files are judged by bytes worked out from the published formats, not by our own reader's opinion. */
class TensorBoardWriterTest {
  private static final InstantSource CLOCK = InstantSource.fixed(Instant.ofEpochSecond(1_700_000_000L));
  private static final int MASK_DELTA = 0xa282ead8;

  @TempDir private Path folder;

  /** RFC 3720 B.4 gives the CRC-32C of these; masking is TensorFlow's rotation and constant. */
  @Test
  void checksumsMatchTheStandardVectors() {
    assertMasked(new byte[32], 0x8a9136aa);
    var ones = new byte[32];
    Arrays.fill(ones, (byte) 0xff);
    assertMasked(ones, 0x62a8ab43);
    var rising = new byte[32];
    for (int i = 0; i < 32; i++) {
      rising[i] = (byte) i;
    }
    assertMasked(rising, 0x46dd794e);
    assertMasked("123456789".getBytes(StandardCharsets.US_ASCII), 0xe3069283);
  }

  private static void assertMasked(byte[] data, int crc) {
    assertThat(RecordFrame.maskedChecksum(data)).isEqualTo((crc >>> 15 | crc << 17) + MASK_DELTA);
  }

  @Test
  void varintsOfAnySizeAreSevenBitsAByte() {
    assertThat(hex(new ProtoMessage().varint(2, 0))).isEqualTo("1000");
    assertThat(hex(new ProtoMessage().varint(2, 300))).isEqualTo("10ac02");
    assertThat(hex(new ProtoMessage().varint(2, -1))).isEqualTo("10ffffffffffffffffff01");
  }

  private static String hex(ProtoMessage message) {
    return HexFormat.of().formatHex(message.toBytes());
  }

  @Test
  void scalarsAreEventsWithStepTagAndValue() throws IOException {
    try (var writer = TensorBoardWriter.create(folder, CLOCK)) {
      writer.scalar("loss", 300, 0.5);
    }

    var events = events(onlyFile());
    var wallTime = "0900000040" + "fc54d941";
    assertThat(events).hasSize(2);
    assertThat(events.get(0)).isEqualTo(wallTime + "1a0d" + text("brain.Event:2"));
    var value = "0a04" + text("loss") + "150000003f";
    assertThat(events.get(1)).isEqualTo(wallTime + "10ac02" + "2a0d" + "0a0b" + value);
  }

  @Test
  void resumingStartsALaterFileThatPurgesWhatFollowsTheStep() throws IOException {
    TensorBoardWriter.create(folder, CLOCK).close();
    TensorBoardWriter.resume(folder, CLOCK, 299).close();

    try (var files = Files.list(folder)) {
      var sorted = files.sorted().toList();
      assertThat(sorted).hasSize(2).allSatisfy(file -> assertThat(file.toString()).contains("tfevents"));
      assertThat(events(sorted.getLast()).getLast()).endsWith("10ac02" + "3a02" + "0801");
    }
  }

  private Path onlyFile() throws IOException {
    try (var files = Files.list(folder)) {
      return files.findFirst().orElseThrow();
    }
  }

  /** The data of every record, in hex, after checking its frame. */
  private static List<String> events(Path file) throws IOException {
    var bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    var events = new ArrayList<String>();
    while (bytes.hasRemaining()) {
      var length = new byte[Long.BYTES];
      bytes.get(bytes.position(), length);
      var data = new byte[(int) bytes.getLong()];
      assertThat(bytes.getInt()).isEqualTo(RecordFrame.maskedChecksum(length));
      bytes.get(data);
      assertThat(bytes.getInt()).isEqualTo(RecordFrame.maskedChecksum(data));
      events.add(HexFormat.of().formatHex(data));
    }
    return events;
  }

  private static String text(String text) {
    return HexFormat.of().formatHex(text.getBytes(StandardCharsets.US_ASCII));
  }
}
