package dev.tenon.kernels.cpu;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.io.AtomicFile;
import dev.tenon.engine.io.CacheFolder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Which {@link Tile} matrix products are made of: what {@link TileTuner} found fastest on this machine, kept in a file, or the first
 * candidate. Only a fast machine code compiler tells how fast a tile is, and it needs seconds: too long for every start.
 */
record TileChoice(Path file) {
  private static final String KEY = "tile=";
  private static final Path CPUINFO = Path.of("/proc/cpuinfo");
  private static final List<String> NAMES = List.of("model name", "cpu family", "model", "CPU implementer", "CPU part");

  /** The file of this machine in the cache folder: its name changes with processor, vectors and Java. */
  static TileChoice here() {
    String name = String.join("-", "cpu", processor(), Simd.F32.vectorBitSize() + "bit", System.getProperty("java.vm.version"));
    String plain = name.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9.]+", "-");
    return new TileChoice(CacheFolder.of(System.getenv()).path().resolve("tuning").resolve(plain + ".properties"));
  }

  private static String processor() {
    try (Stream<String> lines = Files.lines(CPUINFO)) {
      return lines.takeWhile(line -> !line.isBlank()).map(line -> line.split(":", 2))
          .filter(pair -> NAMES.contains(pair[0].strip())).map(pair -> pair[1].strip()).collect(Collectors.joining("-"));
    } catch (IOException _) {
      // Not Linux.
      return System.getProperty("os.arch");
    }
  }

  /**
   * The choice, as {@link Tile#toString}.
   *
   * @throws TenonException when the file holds something else
   */
  String read() {
    List<String> candidates = Tile.candidates();
    if (!Files.exists(file)) {
      return candidates.getFirst();
    }
    String text;
    try {
      text = Files.readString(file).strip();
    } catch (IOException e) {
      throw refused(e.toString(), e);
    }
    if (!text.startsWith(KEY) || !candidates.contains(text.substring(KEY.length()))) {
      throw refused("it says '" + text + "' and should say " + KEY + " and one of " + candidates, null);
    }
    return text.substring(KEY.length());
  }

  private TenonException refused(String reason, IOException cause) {
    String remedy = "; delete it, or run tenon tune --device cpu again";
    return new TenonException("the tuning " + file + " cannot be used: " + reason + remedy, cause);
  }

  /** Writes the choice, whole or not at all. */
  void write(String tile) {
    try {
      Files.createDirectories(file.getParent());
    } catch (IOException e) {
      throw new TenonException("the folder " + file.getParent() + " cannot be made: " + e.getMessage(), e);
    }
    byte[] bytes = (KEY + tile + "\n").getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(file, channel -> channel.write(ByteBuffer.wrap(bytes)));
  }
}
