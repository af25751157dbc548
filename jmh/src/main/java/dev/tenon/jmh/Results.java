package dev.tenon.jmh;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.io.AtomicFile;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What was measured in one go on one machine.
 *
 * @param machine where
 * @param commit of the source that was measured, {@code +} when it was changed since
 * @param time when it ended, ISO 8601
 * @param command that measured
 * @param peaks of the machine by number of threads
 */
public record Results(
    Machine machine, String commit, String time, String command, Map<Integer, Peak> peaks, List<Timing> timings) {
  private static final JsonMapper JSON = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  /** The timing of that work, if it was measured. */
  public Optional<Timing> find(String workload, String engine, int threads) {
    return timings.stream()
        .filter(t -> t.workload().equals(workload) && t.engine().equals(engine) && t.threads() == threads).findFirst();
  }

  /** Writes it under {@code folder} and the machine's name, and answers the file. */
  public Path save(Path folder) {
    Path file = folder.resolve(machine.name()).resolve(time.replaceAll("[^0-9T]", "") + ".json");
    byte[] text = text();
    try {
      Files.createDirectories(file.getParent());
    } catch (IOException e) {
      throw new TenonException("cannot make the folder " + file.getParent() + " (" + e.getMessage() + "); choose another --results", e);
    }
    AtomicFile.write(file, out -> Channels.newOutputStream(out).write(text));
    return file;
  }

  private byte[] text() {
    try {
      return JSON.writeValueAsBytes(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("texts, numbers, lists and maps can be written as JSON", e);
    }
  }

  /**
   * Reads what {@link #save} wrote.
   *
   * @throws TenonException when the file is no such result
   */
  public static Results read(Path file) {
    try {
      return JSON.readValue(file.toFile(), Results.class);
    } catch (IOException e) {
      throw new TenonException(file + " is no result of a benchmark (" + e.getMessage() + "); remove it", e);
    }
  }

  /** The results of {@code machine} under {@code folder}, newest first. */
  public static List<Results> of(Machine machine, Path folder) {
    Path own = folder.resolve(machine.name());
    if (!Files.isDirectory(own)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(own)) {
      return files.filter(f -> f.toString().endsWith(".json")).sorted(Comparator.reverseOrder()).map(Results::read).toList();
    } catch (IOException e) {
      throw new TenonException("cannot read " + own + " (" + e.getMessage() + ")", e);
    }
  }
}
