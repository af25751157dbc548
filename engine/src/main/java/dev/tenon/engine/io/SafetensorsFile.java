package dev.tenon.engine.io;

import dev.tenon.engine.DType;
import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * A safetensors file mapped into memory: weights of any size open at once and are read only where they are
 * used.
 */
public final class SafetensorsFile implements TensorFile {
  private static final String FORMAT = "safetensors";
  private static final ValueLayout.OfLong HEADER_LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path file;
  private final Arena arena;
  private final MemorySegment data;
  private final Map<String, SafetensorsHeader.Slot> slots;
  private final Map<String, String> metadata;

  private SafetensorsFile(Path file, Arena arena, MemorySegment bytes) {
    this.file = file;
    this.arena = arena;
    long length = headerLength(file, bytes);
    this.data = bytes.asSlice(Long.BYTES + length);
    SafetensorsHeader header =
        new SafetensorsHeader(file, bytes.asSlice(Long.BYTES, length), data.byteSize());
    this.slots = header.slots();
    this.metadata = header.metadata();
  }

  private static long headerLength(Path file, MemorySegment bytes) {
    if (bytes.byteSize() < Long.BYTES) {
      throw Refusal.of(file, FORMAT, "it is too short to hold a header");
    }
    long length = bytes.get(HEADER_LENGTH, 0);
    if (length < 0 || length > Math.min(Safetensors.LONGEST_HEADER, bytes.byteSize() - Long.BYTES)) {
      throw Refusal.of(file, FORMAT, "its header claims " + Long.toUnsignedString(length)
          + " bytes, more than the file holds or the format allows");
    }
    return length;
  }

  static SafetensorsFile open(Path file) {
    Refusal.unlessRegularFile(file, FORMAT);
    Arena arena = Arena.ofShared();
    boolean opened = false;
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      MemorySegment bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      SafetensorsFile result = new SafetensorsFile(file, arena, bytes);
      opened = true;
      return result;
    } catch (IOException e) {
      throw Refusal.of(file, FORMAT, e);
    } finally {
      if (!opened) {
        arena.close();
      }
    }
  }

  @Override
  public List<String> names() {
    return List.copyOf(slots.keySet());
  }

  /** What the file says about itself, in its order; empty when it says nothing. */
  public Map<String, String> metadata() {
    return metadata;
  }

  @Override
  public TensorEntry entry(String name) {
    SafetensorsHeader.Slot slot = slots.get(name);
    if (slot == null) {
      throw new TenonException(
          file + " has no tensor " + Quoted.of(name) + "; choose one of the " + slots.size() + " it lists");
    }
    DType dtype = Arrays.stream(DType.values())
        .filter(d -> d.name().equals(slot.dtype()))
        .findFirst()
        .orElseThrow(() -> new TenonException("tensor " + Quoted.of(name) + " of " + file + " has dtype "
            + slot.dtype() + ", which is not supported; convert it to one of "
            + Arrays.toString(DType.values())));
    return new TensorEntry(name, dtype, slot.shape(), data.asSlice(slot.begin(), slot.end() - slot.begin()));
  }

  @Override
  public void close() {
    arena.close();
  }
}
