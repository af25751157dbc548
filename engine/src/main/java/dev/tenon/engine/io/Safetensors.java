package dev.tenon.engine.io;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads and writes safetensors, the file format that model hubs and PyTorch exchange weights in: the length
 * of a JSON header (64 bits, little-endian), the header, and the tensors' bytes without holes.
 */
public final class Safetensors {
  static final String METADATA = "__metadata__";
  static final long LONGEST_HEADER = 100_000_000;
  private static final int CHUNK = 1 << 20;

  private Safetensors() {}

  /**
   * Maps {@code file} into memory; nothing is copied, and the mapping ends when the result is closed.
   *
   * @throws TenonException when the file cannot be read or is not a valid safetensors file
   */
  public static SafetensorsFile open(Path file) {
    return SafetensorsFile.open(file);
  }

  /**
   * Writes {@code entries} to {@code target}, which is replaced only once all is safely on the disk. The
   * header keeps the given order; the data starts with the widest types, so that every tensor is aligned.
   *
   * @param metadata free text stored beside the tensors, may be empty
   * @throws TenonException when a name occurs twice or the file cannot be written; {@code target} is
   *     untouched then
   */
  public static void write(Path target, Collection<TensorEntry> entries, Map<String, String> metadata) {
    List<TensorEntry> layout = entries.stream()
        .sorted(Comparator.comparingInt((TensorEntry e) -> e.dtype().byteSize()).reversed())
        .toList();
    ByteBuffer prologue = prologue(target, entries, layout, metadata);
    AtomicFile.write(target, channel -> {
      writeFully(channel, prologue);
      ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK);
      for (TensorEntry entry : layout) {
        writeFully(channel, entry.data(), chunk);
      }
    });
  }

  private static ByteBuffer prologue(
      Path target, Collection<TensorEntry> entries, List<TensorEntry> layout, Map<String, String> metadata) {
    Map<String, Long> begins = new HashMap<>();
    long end = 0;
    for (TensorEntry entry : layout) {
      if (begins.put(entry.name(), end) != null || entry.name().equals(METADATA)) {
        throw new TenonException("cannot write " + target + " because the tensor name "
            + Quoted.of(entry.name()) + " is reserved or given twice; give every tensor a name of its own");
      }
      end += entry.data().byteSize();
    }
    StringBuilder json = new StringBuilder("{");
    if (!metadata.isEmpty()) {
      appendMetadata(json, metadata);
    }
    for (TensorEntry entry : entries) {
      appendEntry(json, entry, begins.get(entry.name()));
    }
    json.append('}');
    ByteBuffer header = encode(target, json);
    int padding = -header.remaining() & 7;
    if (header.remaining() + padding > LONGEST_HEADER) {
      throw new TenonException("cannot write " + target + " because its header would exceed " + LONGEST_HEADER
          + " bytes; shorten the metadata or write fewer tensors");
    }
    ByteBuffer prologue =
        ByteBuffer.allocate(Long.BYTES + header.remaining() + padding).order(ByteOrder.LITTLE_ENDIAN);
    prologue.putLong(header.remaining() + padding).put(header);
    while (prologue.hasRemaining()) {
      prologue.put((byte) ' ');
    }
    return prologue.flip();
  }

  private static void appendMetadata(StringBuilder json, Map<String, String> metadata) {
    appendString(json, METADATA);
    json.append(":{");
    String separator = "";
    for (Map.Entry<String, String> e : metadata.entrySet()) {
      json.append(separator);
      appendString(json, e.getKey());
      json.append(':');
      appendString(json, e.getValue());
      separator = ",";
    }
    json.append('}');
  }

  private static void appendEntry(StringBuilder json, TensorEntry entry, long begin) {
    if (json.length() > 1) {
      json.append(',');
    }
    appendString(json, entry.name());
    json.append(":{\"dtype\":\"").append(entry.dtype().name()).append("\",\"shape\":[");
    for (int i = 0; i < entry.shape().rank(); i++) {
      json.append(i == 0 ? "" : ",").append(entry.shape().dim(i));
    }
    json.append("],\"data_offsets\":[").append(begin).append(',').append(begin + entry.data().byteSize());
    json.append("]}");
  }

  private static void appendString(StringBuilder json, String text) {
    json.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '"' || c == '\\') {
        json.append('\\').append(c);
      } else if (c < ' ') {
        json.append(String.format("\\u%04x", (int) c));
      } else {
        json.append(c);
      }
    }
    json.append('"');
  }

  private static ByteBuffer encode(Path target, CharSequence json) {
    try {
      return StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(json));
    } catch (CharacterCodingException e) {
      throw new TenonException("cannot write " + target
          + " because a tensor name or its metadata is not valid Unicode; remove unpaired surrogates", e);
    }
  }

  private static void writeFully(FileChannel channel, MemorySegment data, ByteBuffer chunk)
      throws IOException {
    MemorySegment staging = MemorySegment.ofBuffer(chunk.clear());
    for (long at = 0; at < data.byteSize(); at += CHUNK) {
      int length = (int) Math.min(CHUNK, data.byteSize() - at);
      MemorySegment.copy(data, at, staging, 0, length);
      writeFully(channel, chunk.clear().limit(length));
    }
  }

  private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }
}
