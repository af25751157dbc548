package dev.tenon.training.proto;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A protobuf message under construction; only the wire types that event files and ONNX models need. Long byte fields are kept by
 * reference until the message is written, so that a network's weights are never copied on the way.
 */
public final class ProtoMessage {
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int LENGTH_DELIMITED = 2;
  private static final int FIXED32 = 5;

  private final List<ByteBuffer> parts = new ArrayList<>();
  private final ByteArrayOutputStream recent = new ByteArrayOutputStream();
  private long earlier;

  /** An empty message. */
  public ProtoMessage() {}

  public ProtoMessage varint(int field, long value) {
    key(field, VARINT);
    varint(value);
    return this;
  }

  public ProtoMessage float64(int field, double value) {
    key(field, FIXED64);
    recent.writeBytes(little(Double.BYTES).putDouble(0, value).array());
    return this;
  }

  public ProtoMessage float32(int field, float value) {
    key(field, FIXED32);
    recent.writeBytes(little(Float.BYTES).putFloat(0, value).array());
    return this;
  }

  public ProtoMessage text(int field, String value) {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    key(field, LENGTH_DELIMITED);
    varint(utf8.length);
    recent.writeBytes(utf8);
    return this;
  }

  /** Bytes that must stay as they are until the message is written. */
  public ProtoMessage bytes(int field, ByteBuffer value) {
    key(field, LENGTH_DELIMITED);
    varint(value.remaining());
    return append(value.slice());
  }

  /** The present content of {@code value}. */
  public ProtoMessage message(int field, ProtoMessage value) {
    key(field, LENGTH_DELIMITED);
    varint(value.size());
    value.settle();
    value.parts.forEach(this::append);
    return this;
  }

  /** Length of the encoded message in bytes. */
  public long size() {
    return earlier + recent.size();
  }

  /** Writes the encoded message. */
  public void writeTo(WritableByteChannel channel) throws IOException {
    settle();
    for (ByteBuffer part : parts) {
      ByteBuffer rest = part.duplicate();
      while (rest.hasRemaining()) {
        channel.write(rest);
      }
    }
  }

  /** The encoded message. */
  public byte[] toBytes() {
    settle();
    ByteBuffer all = ByteBuffer.allocate(Math.toIntExact(size()));
    parts.forEach(part -> all.put(part.duplicate()));
    return all.array();
  }

  private ProtoMessage append(ByteBuffer part) {
    settle();
    parts.add(part);
    earlier += part.remaining();
    return this;
  }

  /** Moves what was written field by field behind the parts before it. */
  private void settle() {
    if (recent.size() > 0) {
      parts.add(ByteBuffer.wrap(recent.toByteArray()));
      earlier += recent.size();
      recent.reset();
    }
  }

  private void key(int field, int wireType) {
    varint((long) field << 3 | wireType);
  }

  /** Seven bits a byte, lowest first; the top bit says that more follow. */
  private void varint(long value) {
    long rest = value;
    while ((rest & ~0x7fL) != 0) {
      recent.write((int) (rest & 0x7f | 0x80));
      rest >>>= 7;
    }
    recent.write((int) rest);
  }

  private static ByteBuffer little(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }
}
