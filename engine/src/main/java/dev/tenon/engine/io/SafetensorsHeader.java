package dev.tenon.engine.io;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Parses a safetensors header and proves that its tensors tile the data exactly, before any of it is touched.
 */
final class SafetensorsHeader {
  /**
   * Where one tensor lies; offsets count from the start of the data. The type may be one Tenon does not have.
   */
  record Slot(String name, String dtype, Shape shape, long begin, long end) {}

  private static final int HIGHEST_RANK = 64;
  private static final Map<String, Integer> BYTE_SIZES = byteSizes();

  private final Path file;
  private final JsonReader json;
  private final Map<String, Slot> slots = new LinkedHashMap<>();
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private String current;

  /**
   * Parses {@code header}, which precedes {@code dataSize} bytes of data.
   *
   * @throws TenonException naming file and tensor when anything is not as the format demands
   */
  SafetensorsHeader(Path file, MemorySegment header, long dataSize) {
    this.file = file;
    this.json = new JsonReader(header, this::refusal);
    parse();
    current = null;
    requireTiling(dataSize);
  }

  /** The tensors by name, in the order of the header. */
  Map<String, Slot> slots() {
    return Collections.unmodifiableMap(slots);
  }

  Map<String, String> metadata() {
    return Collections.unmodifiableMap(metadata);
  }

  private void parse() {
    json.beginObject();
    boolean metadataSeen = false;
    for (String name; (name = json.nextKey()) != null; ) {
      current = name;
      if (name.equals(Safetensors.METADATA)) {
        if (metadataSeen) {
          throw refusal("it occurs twice");
        }
        metadataSeen = true;
        parseMetadata();
      } else if (slots.containsKey(name)) {
        throw refusal("it occurs twice");
      } else {
        slots.put(name, parseSlot(name));
      }
    }
    json.end();
  }

  private void parseMetadata() {
    json.beginObject();
    for (String key; (key = json.nextKey()) != null; ) {
      if (metadata.put(key, json.string()) != null) {
        throw refusal("the key " + Quoted.of(key) + " occurs twice");
      }
    }
  }

  private Slot parseSlot(String name) {
    String dtype = null;
    Shape shape = null;
    long[] offsets = null;
    json.beginObject();
    for (String key; (key = json.nextKey()) != null; ) {
      boolean repeated;
      switch (key) {
        case "dtype" -> {
          repeated = dtype != null;
          dtype = json.string();
        }
        case "shape" -> {
          repeated = shape != null;
          shape = Shape.of(naturals());
        }
        case "data_offsets" -> {
          repeated = offsets != null;
          offsets = naturals();
        }
        default -> throw refusal("the field " + Quoted.of(key) + " is unknown");
      }
      if (repeated) {
        throw refusal("the field '" + key + "' occurs twice");
      }
    }
    if (dtype == null || shape == null || offsets == null || offsets.length != 2) {
      throw refusal("it needs a dtype, a shape and two data_offsets");
    }
    requireSize(dtype, shape, offsets[0], offsets[1]);
    return new Slot(name, dtype, shape, offsets[0], offsets[1]);
  }

  private long[] naturals() {
    long[] values = new long[4];
    int count = 0;
    json.beginArray();
    while (json.nextElement()) {
      if (count == HIGHEST_RANK) {
        throw refusal("it has more than " + HIGHEST_RANK + " dimensions or offsets");
      }
      if (count == values.length) {
        values = Arrays.copyOf(values, 2 * count);
      }
      values[count++] = json.natural();
    }
    return Arrays.copyOf(values, count);
  }

  private void requireSize(String dtype, Shape shape, long begin, long end) {
    Integer byteSize = BYTE_SIZES.get(dtype);
    if (byteSize == null) {
      throw refusal("its dtype " + Quoted.of(dtype) + " is unknown");
    }
    long size = ByteSizes.checked(shape, byteSize);
    if (size < 0) {
      throw refusal("its shape " + shape + " is too large for any file");
    }
    if (begin > end || end - begin != size) {
      throw refusal("its shape " + shape + " and dtype " + dtype + " take " + size
          + " bytes, but its offsets " + begin + " to " + end + " do not");
    }
  }

  private void requireTiling(long dataSize) {
    Slot[] inFile = slots.values().toArray(Slot[]::new);
    Arrays.sort(inFile, Comparator.comparingLong(Slot::begin).thenComparingLong(Slot::end));
    long covered = 0;
    for (Slot slot : inFile) {
      current = slot.name();
      if (slot.end() > dataSize) {
        throw refusal(
            "it ends at byte " + slot.end() + " of the data, of which the file holds only " + dataSize);
      }
      if (slot.begin() != covered) {
        throw refusal("it begins at byte " + slot.begin() + " of the data, where " + covered
            + " was expected, so tensors overlap or leave a hole");
      }
      covered = slot.end();
    }
    current = null;
    if (covered != dataSize) {
      throw refusal("the last " + (dataSize - covered) + " bytes belong to no tensor");
    }
  }

  private TenonException refusal(String what) {
    String where = current == null ? "" : "entry " + Quoted.of(current) + ": ";
    return Refusal.of(file, "safetensors", where + what);
  }

  private static Map<String, Integer> byteSizes() {
    Map<String, Integer> foreign = Map.of(
        "I8", 1, "I16", 2, "U16", 2, "U32", 4, "U64", 8, "F8_E4M3", 1, "F8_E5M2", 1, "F8_E8M0", 1, "C64", 8);
    Map<String, Integer> own =
        Stream.of(DType.values()).collect(Collectors.toMap(DType::name, DType::byteSize));
    own.putAll(foreign);
    return Map.copyOf(own);
  }
}
