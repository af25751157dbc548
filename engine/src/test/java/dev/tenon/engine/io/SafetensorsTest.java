package dev.tenon.engine.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.DType;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files must come back as they were written, and no broken one may be mistaken for a good one. */
class SafetensorsTest {
  @TempDir Path folder;

  @Test
  void everyTypeComesBackBitForBit() {
    Random random = new Random(1);
    List<TensorEntry> entries = Stream.of(DType.values()).map(dtype -> {
      Shape shape = Shape.of(3, 1, dtype.ordinal());
      byte[] bytes = new byte[(int) shape.size() * dtype.byteSize()];
      random.nextBytes(bytes);
      return new TensorEntry("layer." + dtype, dtype, shape, MemorySegment.ofArray(bytes));
    }).toList();
    Map<String, String> metadata = Map.of("format", "pt", "quote \" \\ \n \u0001", "größe 𝄞");
    Path file = folder.resolve("all.safetensors");
    Safetensors.write(file, entries, metadata);
    try (SafetensorsFile read = Safetensors.open(file)) {
      assertThat(read.metadata()).isEqualTo(metadata);
      assertThat(read.names()).isEqualTo(entries.stream().map(TensorEntry::name).toList());
      for (TensorEntry entry : entries) {
        TensorEntry back = read.entry(entry.name());
        assertThat(back.dtype()).isEqualTo(entry.dtype());
        assertThat(back.shape()).isEqualTo(entry.shape());
        assertThat(back.data().mismatch(entry.data())).isEqualTo(-1);
        assertThat(back.data().isReadOnly()).isTrue();
      }
    }
  }

  @Test
  void theFileIsLaidOutAsTheFormatSays() throws IOException {
    Path file = folder.resolve("layout.safetensors");
    TensorEntry bytes = new TensorEntry(
        "b", DType.U8, Shape.of(3), MemorySegment.ofArray(new byte[] {1, 2, 3}));
    Safetensors.write(file, List.of(bytes, TensorEntry.ofFloats("f", Shape.of(1), 1f)), Map.of());
    String header = "{\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[4,7]},"
        + "\"f\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    header += " ".repeat(-header.length() & 7);
    byte[] expected = Fixtures.safetensors(header, 7);
    System.arraycopy(new byte[] {0, 0, (byte) 0x80, 0x3f, 1, 2, 3}, 0, expected, expected.length - 7, 7);
    assertThat(Files.readAllBytes(file)).isEqualTo(expected);
  }

  @Test
  void anythingMayBeEmptyOrScalar() {
    Path file = folder.resolve("empty.safetensors");
    Safetensors.write(file, List.of(), Map.of());
    try (SafetensorsFile read = Safetensors.open(file)) {
      assertThat(read.names()).isEmpty();
    }
    Safetensors.write(file, List.of(TensorEntry.ofLongs("s", Shape.of(), 5),
        TensorEntry.ofFloats("none", Shape.of(0, 7))), Map.of());
    try (SafetensorsFile read = Safetensors.open(file)) {
      assertThat(read.entry("s").valueAt(0)).isEqualTo(5);
      assertThat(read.entry("none").shape()).isEqualTo(Shape.of(0, 7));
    }
  }

  @Test
  void dataNeedNotBeAligned() {
    byte[] bytes =
        Fixtures.safetensors("{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}  ", 8);
    bytes[bytes.length - 2] = (byte) 0xf0;
    bytes[bytes.length - 1] = 0x3f;
    try (SafetensorsFile read = Safetensors.open(Fixtures.file(folder, "odd.safetensors", bytes))) {
      assertThat(read.entry("a").valueAt(0)).isEqualTo(1.0);
    }
  }

  @Test
  void typesWeLackAreNamedOnlyWhenAskedFor() {
    byte[] bytes = Fixtures.safetensors("{\"ok\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]},"
        + "\"odd\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[0,2]}}", 3);
    try (SafetensorsFile read = Safetensors.open(Fixtures.file(folder, "i16.safetensors", bytes))) {
      assertThat(read.entry("ok").valueAt(0)).isZero();
      assertThatThrownBy(() -> read.entry("odd")).isInstanceOf(TenonException.class)
          .hasMessageContainingAll("'odd'", "I16", "i16.safetensors");
      assertThatThrownBy(() -> read.entry("gone")).isInstanceOf(TenonException.class)
          .hasMessageContainingAll("'gone'", "i16.safetensors");
    }
  }

  @Test
  void dataDiesWithItsFile() {
    Path file = folder.resolve("closed.safetensors");
    Safetensors.write(file, List.of(TensorEntry.ofFloats("a", Shape.of(1), 1)), Map.of());
    SafetensorsFile read = Safetensors.open(file);
    TensorEntry entry = read.entry("a");
    read.close();
    assertThatThrownBy(() -> entry.data().get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "", "{", "[]", "null", "{}x", "{}{}", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1}",
      "{\"a\":{}}", "{'a':{}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,],\"data_offsets\":[0,1]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,1]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"more\":1}}",
      "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
      "{\"a\":{\"dtype\":\"U9\",\"shape\":[1],\"data_offsets\":[0,1]}}",
      "{\"a\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,1]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":1,\"data_offsets\":[0,1]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1e0],\"data_offsets\":[0,1]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[01],\"data_offsets\":[0,1]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[\"1\"],\"data_offsets\":[0,1]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[9223372036854775808],\"data_offsets\":[0,1]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,1]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[0,9223372036854775807,3],\"data_offsets\":[0,0]}}",
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,1]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
          + "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
          + "\"\\u0061\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[1,1]}}",
      "{\"__metadata__\":{\"k\":1}}", "{\"__metadata__\":[]}", "{\"__metadata__\":{\"k\":\"a\",\"k\":\"b\"}}",
      "{\"__metadata__\":{},\"__metadata__\":{}}", "{\"__metadata__\":{\"k\":{\"deep\":\"x\"}}}",
      "{\"\\ud800\":{}}", "{\"\\ud800\\u0041\":{}}", "{\"\\u00\":{}}", "{\"\\x\":{}}", "{\"\t\":{}}", "{\"a"
  })
  void aBadHeaderIsRefused(String header) throws IOException {
    Path file = Fixtures.file(folder, "bad.safetensors", Fixtures.safetensors(header, 1));
    assertThat(Fixtures.refusal(file, () -> Safetensors.open(file))).isNotNull();
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 32, 3, 100_000_001})
  void aHeaderLongerThanTheFileIsRefused(long length) throws IOException {
    byte[] content = Fixtures.safetensors(length, new byte[] {'{', '}'}, 0);
    Path file = Fixtures.file(folder, "long.safetensors", content);
    assertThat(Fixtures.refusal(file, () -> Safetensors.open(file))).contains("header claims");
  }

  @Test
  void invalidUtf8IsRefused() throws IOException {
    byte[] header = "{\"?\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}".getBytes();
    header[2] = (byte) 0xff;
    Path file = Fixtures.file(folder, "utf8.safetensors", Fixtures.safetensors(header.length, header, 1));
    assertThat(Fixtures.refusal(file, () -> Safetensors.open(file))).contains("UTF-8");
  }

  @Test
  void depthAndLengthCostNothing() throws IOException {
    for (String header : List.of("{\"a\":".repeat(200_000), "[".repeat(1_000_000),
        "{\"a\":{\"shape\":[" + "1,".repeat(500_000), "{\"" + "x".repeat(1_000_000) + "\":5")) {
      Path file = Fixtures.file(folder, "deep.safetensors", Fixtures.safetensors(header, 0));
      assertThat(Fixtures.refusal(file, () -> Safetensors.open(file))).hasSizeLessThan(600);
    }
  }

  @Test
  void whatIsNoFileIsRefusedWithoutWaiting() {
    assertThatThrownBy(() -> Safetensors.open(folder)).isInstanceOf(TenonException.class)
        .hasMessageContaining("not a file");
    assertThatThrownBy(() -> Safetensors.open(folder.resolve("gone"))).isInstanceOf(TenonException.class)
        .hasMessageContaining("does not exist");
  }

  @Test
  void aFailedWriteLeavesEverythingAsItWas() throws IOException {
    Path file = folder.resolve("kept.safetensors");
    TensorEntry a = TensorEntry.ofFloats("a", Shape.of(1), 1);
    Safetensors.write(file, List.of(a), Map.of());
    byte[] before = Files.readAllBytes(file);
    assertThatThrownBy(() -> Safetensors.write(file, List.of(a, a), Map.of()))
        .isInstanceOf(TenonException.class).hasMessageContaining("'a'");
    assertThatThrownBy(() -> Safetensors.write(file, List.of(), Map.of("k", "\ud800")))
        .isInstanceOf(TenonException.class).hasMessageContaining("Unicode");
    assertThatThrownBy(() -> AtomicFile.write(file, _ -> {
      throw new IOException("No space left on device");
    })).isInstanceOf(TenonException.class).hasMessageContainingAll("No space left", file.toString());
    assertThatThrownBy(() -> Safetensors.write(folder.resolve("no/such/x"), List.of(a), Map.of()))
        .isInstanceOf(TenonException.class).hasMessageContaining("does not exist");
    assertThatThrownBy(() -> Safetensors.write(folder, List.of(a), Map.of()))
        .isInstanceOf(TenonException.class).hasMessageContaining("is a folder");
    assertThat(Files.readAllBytes(file)).isEqualTo(before);
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(file);
    }
  }

  @Test
  void allGoldenFilesOpen() throws IOException {
    Path shared = Path.of(System.getProperty("tenon.shared", "../../shared"));
    Assumptions.assumeTrue(Files.isDirectory(shared), () -> "skipped: no folder " + shared);
    List<Path> files;
    try (Stream<Path> all = Files.walk(shared)) {
      files = all.filter(f -> f.toString().endsWith(".safetensors")).toList();
    }
    assertThat(files).isNotEmpty();
    for (Path file : files) {
      try (SafetensorsFile read = Safetensors.open(file)) {
        for (String name : read.names()) {
          TensorEntry entry = read.entry(name);
          assertThat(entry.data().byteSize()).isEqualTo(entry.shape().size() * entry.dtype().byteSize());
        }
      }
    }
  }
}
