package dev.tenon.jmh;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;
import jdk.incubator.vector.FloatVector;

/**
 * The machine that is measured.
 *
 * @param processor what it calls itself
 * @param cores that the JVM sees
 * @param vectorBits of the widest vectors
 * @param java runtime and version
 */
public record Machine(String processor, int cores, int vectorBits, String java, String system) {
  private static final Path CPUINFO = Path.of("/proc/cpuinfo");

  /** This one. */
  public static Machine here() {
    return new Machine(
        model(),
        Runtime.getRuntime().availableProcessors(),
        FloatVector.SPECIES_PREFERRED.vectorBitSize(),
        System.getProperty("java.vm.name") + " " + Runtime.version(),
        System.getProperty("os.name") + " " + System.getProperty("os.arch"));
  }

  /** A name for a folder: processor, cores and vectors. */
  public String name() {
    return (processor + "-" + cores + "cores-" + vectorBits + "bit").toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
  }

  /** Model, and family where the name alone says little. */
  private static String model() {
    if (!Files.isReadable(CPUINFO)) {
      return System.getProperty("os.arch");
    }
    return field("model name") + " family " + field("cpu family") + " model " + field("model");
  }

  private static String field(String name) {
    try (Stream<String> lines = Files.lines(CPUINFO)) {
      return lines.filter(l -> l.split(":", 2)[0].strip().equals(name)).map(l -> l.split(":", 2)[1].strip()).findFirst().orElse("unknown");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
