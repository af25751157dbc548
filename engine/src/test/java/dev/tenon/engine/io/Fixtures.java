package dev.tenon.engine.io;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;

/** Builds small and hostile files, and watches how readers take them. */
final class Fixtures {
  /** Heap a refusal may take whatever the file: the exception, its stack trace and library start-up. */
  private static final long FIXED_COST = 4 << 20;
  /** Heap per byte of file: a header's shortest entry, about 50 bytes, becomes a few objects. */
  private static final long COST_PER_BYTE = 64;

  private Fixtures() {}

  static byte[] safetensors(String header, int dataBytes) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return safetensors(json.length, json, dataBytes);
  }

  static byte[] safetensors(long headerLength, byte[] header, int dataBytes) {
    ByteBuffer file = ByteBuffer.allocate(8 + header.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    return file.putLong(headerLength).put(header).array();
  }

  static byte[] npy(int version, String header, byte[] data) {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer file = ByteBuffer.allocate(8 + (version == 1 ? 2 : 4) + text.length + data.length);
    file.order(ByteOrder.LITTLE_ENDIAN).put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'});
    file.put((byte) version).put((byte) 0);
    if (version == 1) {
      file.putShort((short) text.length);
    } else {
      file.putInt(text.length);
    }
    return file.put(text).put(data).array();
  }

  static Path file(Path folder, String name, byte[] content) {
    try {
      return Files.write(folder.resolve(name), content);
    } catch (IOException e) {
      throw new IllegalStateException("the test could not write its input", e);
    }
  }

  /** What refusing the file says; null when it was read. Fails on another exception or too much memory. */
  static String refusal(Path file, Supplier<Object> read) throws IOException {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    String message = null;
    try {
      Object _ = read.get();
    } catch (TenonException e) {
      message = e.getMessage();
      assertThat(message).contains(file.toString()).doesNotContain("\n").contains(";");
    }
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;
    assertThat(allocated).isLessThan(FIXED_COST + COST_PER_BYTE * Files.size(file));
    return message;
  }
}
