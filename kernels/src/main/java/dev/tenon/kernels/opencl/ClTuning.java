package dev.tenon.kernels.opencl;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.io.AtomicFile;
import java.io.IOException;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.stream.Stream;

/**
 * Which variants of its kernels run on one device: what {@link ClTuner} found fastest there, or what suits most devices.
 *
 * @param gemm the tile of a matrix product, as long as there are enough of such
 * @param rows rows that an item of a matrix product computes on a processor
 * @param attention the tile of an attention, where its memory suffices
 * @param tiled whether attention of F32 has tiles in private memory where it can; devices with little of that lose by it
 */
record ClTuning(Gemm gemm, int rows, Attention attention, boolean tiled) {
  /** The side of a tile of the result, and the depth of the slices that it is summed from. */
  record Gemm(int side, int depth) {
    static final List<Gemm> ALL =
        List.of(new Gemm(128, 8), new Gemm(128, 16), new Gemm(64, 32), new Gemm(64, 16), new Gemm(64, 8));

    /** Local memory that two slices of both operands take. */
    int bytes(int elementBytes) {
      return 2 * 2 * depth * (side + 4) * elementBytes;
    }
  }

  /** How many queries and keys a group holds at once. */
  record Attention(int queries, int keys) {
    static final List<Attention> ALL =
        List.of(new Attention(64, 32), new Attention(32, 32), new Attention(32, 16), new Attention(16, 16));
  }

  static final List<Integer> ROWS = List.of(64, 8, 16, 32, 128, 256);

  static final List<Boolean> TILED = List.of(true, false);

  /** The first of all candidates. */
  static final ClTuning DEFAULT = new ClTuning(Gemm.ALL.getFirst(), ROWS.getFirst(), Attention.ALL.getFirst(), TILED.getFirst());

  ClTuning with(Gemm other) {
    return new ClTuning(other, rows, attention, tiled);
  }

  ClTuning with(Attention other) {
    return new ClTuning(gemm, rows, other, tiled);
  }

  ClTuning withRows(int other) {
    return new ClTuning(gemm, other, attention, tiled);
  }

  ClTuning withTiled(boolean other) {
    return new ClTuning(gemm, rows, attention, other);
  }

  /** Where the choices for a device are kept: the name changes with device and driver. */
  static Path file(Path folder, ClDevice device) {
    return folder.resolve("opencl-" + ClPrograms.hash(device.platformName(), device.name(), device.driver()) + ".properties");
  }

  /**
   * The choices in {@code file}, or the defaults if there is none.
   *
   * @throws TenonException when it holds something else
   */
  static ClTuning read(Path file) {
    if (!Files.exists(file)) {
      return DEFAULT;
    }
    Properties properties = new Properties();
    try (Reader reader = Files.newBufferedReader(file)) {
      properties.load(reader);
    } catch (IOException | IllegalArgumentException e) {
      throw refused(file, e.getMessage());
    }
    return new ClTuning(choice(file, properties, "gemm", Gemm.ALL), choice(file, properties, "rows", ROWS),
        choice(file, properties, "attention", Attention.ALL), choice(file, properties, "tiled", TILED));
  }

  /** The candidate that is written as the property {@code name}; the first, if the file is of a time that knew no such choice. */
  private static <C> C choice(Path file, Properties properties, String name, List<C> candidates) {
    String text = properties.getProperty(name, text(candidates.getFirst()));
    Optional<C> found = candidates.stream().filter(c -> text(c).equals(text)).findFirst();
    return found.orElseThrow(() -> refused(file,
        name + " is '" + text + "' and should be one of " + Stream.of(candidates.toArray()).map(ClTuning::text).toList()));
  }

  private static TenonException refused(Path file, String reason) {
    return new TenonException("the tuning " + file + " cannot be used: " + reason + "; delete it, or run tenon tune again");
  }

  private static String text(Object candidate) {
    return switch (candidate) {
      case Gemm(int side, int depth) -> side + "x" + depth;
      case Attention(int queries, int keys) -> queries + "x" + keys;
      default -> candidate.toString();
    };
  }

  /** Writes the choices, whole or not at all. */
  void write(Path file) {
    byte[] bytes = toString().getBytes(StandardCharsets.UTF_8);
    try {
      Files.createDirectories(file.getParent());
    } catch (IOException e) {
      throw new TenonException("the folder " + file.getParent() + " cannot be made: " + e.getMessage(), e);
    }
    AtomicFile.write(file, channel -> channel.write(ByteBuffer.wrap(bytes)));
  }

  /** As lines of a properties file. */
  @Override
  public String toString() {
    return "gemm=" + text(gemm) + "\nrows=" + text(rows) + "\nattention=" + text(attention) + "\ntiled=" + tiled + "\n";
  }
}
