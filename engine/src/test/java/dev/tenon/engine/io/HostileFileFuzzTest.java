package dev.tenon.engine.io;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.Shape;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import java.util.zip.ZipEntry;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Whatever happens to a file on its way, a reader answers with its tensors or with one sentence. */
class HostileFileFuzzTest {
  private static Path folder;
  private static byte[] safetensors;

  @BeforeContainer
  static void createFolder() throws IOException {
    folder = Files.createTempDirectory("tenon-fuzz");
    Path file = folder.resolve("valid.safetensors");
    Safetensors.write(file, List.of(TensorEntry.ofFloats("block.0.weight", Shape.of(2, 3), 1, 2, 3, 4, 5, 6),
        TensorEntry.ofLongs("steps", Shape.of(), 9), TensorEntry.ofFloats("none", Shape.of(0))),
        Map.of("format", "pt"));
    safetensors = Files.readAllBytes(file);
  }

  @AfterContainer
  static void removeFolder() throws IOException {
    try (var files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(folder);
  }

  @Property(tries = 2000)
  void mutatedSafetensors(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int changes)
      throws IOException {
    check("m.safetensors", mutate(safetensors, seed, changes), HostileFileFuzzTest::readSafetensors);
  }

  @Property(tries = 300)
  void truncatedSafetensorsAreRefused(@ForAll @IntRange(max = 10_000) int length) throws IOException {
    byte[] cut = Arrays.copyOf(safetensors, length % safetensors.length);
    Path file = Fixtures.file(folder, "t.safetensors", cut);
    assertThat(Fixtures.refusal(file, () -> readSafetensors(file))).isNotNull();
  }

  @Property(tries = 500)
  void anyBytesAsHeader(@ForAll @Size(max = 200) byte[] header) throws IOException {
    byte[] content = Fixtures.safetensors(header.length, header, 3);
    check("h.safetensors", content, HostileFileFuzzTest::readSafetensors);
  }

  @Property(tries = 500)
  void anyShapeAndOffsets(@ForAll @Size(max = 5) long[] shape, @ForAll long begin, @ForAll long end)
      throws IOException {
    String header = "{\"w\":{\"dtype\":\"F32\",\"shape\":" + Arrays.toString(shape) + ",\"data_offsets\":["
        + begin + "," + end + "]}}";
    check("s.safetensors", Fixtures.safetensors(header, 16), HostileFileFuzzTest::readSafetensors);
  }

  @Property(tries = 1000)
  void mutatedNpy(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int changes) throws IOException {
    check("m.npy", mutate(npy(), seed, changes), HostileFileFuzzTest::readNpy);
  }

  @Property(tries = 200)
  void truncatedNpyIsRefused(@ForAll @IntRange(max = 10_000) int length) throws IOException {
    Path file = Fixtures.file(folder, "t.npy", Arrays.copyOf(npy(), length % npy().length));
    assertThat(Fixtures.refusal(file, () -> readNpy(file))).isNotNull();
  }

  @Property(tries = 1000)
  void mutatedNpz(@ForAll long seed, @ForAll @IntRange(min = 1, max = 4) int changes) throws IOException {
    byte[] valid = NpyTest.zip(seed % 2 == 0 ? ZipEntry.STORED : ZipEntry.DEFLATED, List.of("a", "b"),
        List.of(npy(), npy()));
    check("m.npz", mutate(valid, seed, changes), HostileFileFuzzTest::readNpz);
  }

  private interface Reader {
    Object read(Path file);
  }

  private static void check(String name, byte[] content, Reader reader) throws IOException {
    Path file = Fixtures.file(folder, name, content);
    Supplier<Object> read = () -> reader.read(file);
    String message = Fixtures.refusal(file, read);
    assertThat(message == null || message.length() < 1000).isTrue();
  }

  private static Object readSafetensors(Path file) {
    try (SafetensorsFile open = Safetensors.open(file)) {
      long bytes = open.names().stream().mapToLong(n -> open.entry(n).data().byteSize()).sum();
      assertThat(bytes).isLessThanOrEqualTo(sizeOf(file));
      return bytes;
    }
  }

  private static Object readNpy(Path file) {
    try (Arena arena = Arena.ofConfined()) {
      return Npy.read(file, arena).shape();
    }
  }

  private static Object readNpz(Path file) {
    try (Npz open = Npz.open(file)) {
      return open.names().stream().map(n -> open.entry(n).shape()).toList();
    }
  }

  private static byte[] npy() {
    return Fixtures.npy(1, "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }  \n", new byte[12]);
  }

  /** Changes, removes or repeats bytes; half of the changes are to digits, which make sizes lie. */
  private static byte[] mutate(byte[] valid, long seed, int changes) {
    Random random = new Random(seed);
    byte[] bytes = valid.clone();
    for (int c = 0; c < changes; c++) {
      int at = random.nextInt(bytes.length);
      switch (random.nextInt(4)) {
        case 0 -> bytes[at] = (byte) random.nextInt(256);
        case 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 2 -> {
          while (at < bytes.length - 1 && (bytes[at] < '0' || bytes[at] > '9')) {
            at++;
          }
          bytes[at] = (byte) ('0' + random.nextInt(10));
        }
        default -> bytes = splice(bytes, at, random);
      }
    }
    return bytes;
  }

  private static byte[] splice(byte[] bytes, int at, Random random) {
    int from = random.nextInt(bytes.length);
    byte[] spliced = Arrays.copyOf(bytes, at + bytes.length - from);
    System.arraycopy(bytes, from, spliced, at, bytes.length - from);
    return spliced.length == 0 ? bytes : spliced;
  }

  private static long sizeOf(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
