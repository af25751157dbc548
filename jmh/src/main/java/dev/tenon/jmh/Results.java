package dev.tenon.jmh;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.io.AtomicFile;
import dev.tenon.training.bench.Peak;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What was measured in one go on one machine; a run that was stopped may go on later.
 *
 * @param machine where
 * @param time when it began, ISO 8601
 * @param command that measured
 * @param peaks of the machine by number of threads
 */
public record Results(Machine machine, String time, String command, NavigableMap<Integer, Peak> peaks, List<Timing> timings) {
  private static final JsonMapper JSON = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  public Results {
    peaks = Collections.unmodifiableNavigableMap(new TreeMap<>(peaks));
    timings = List.copyOf(timings);
  }

  /** These, with the peak for {@code threads} threads. */
  Results with(int threads, Peak peak) {
    NavigableMap<Integer, Peak> more = new TreeMap<>(peaks);
    more.put(threads, peak);
    return new Results(machine, time, command, more, timings);
  }

  /** These, with {@code rows} at the end. */
  Results with(List<Timing> rows) {
    return new Results(machine, time, command, peaks, Stream.concat(timings.stream(), rows.stream()).toList());
  }

  /** Whether that work was measured on one engine at least. */
  boolean has(String workload, int threads) {
    return timings.stream().anyMatch(t -> t.workload().equals(workload) && t.threads() == threads);
  }

  /**
   * One table out of several: every row as it was measured last beside a peer, all its engines then.
   *
   * @param newestFirst of one machine, one at least
   * @param workloads that are wanted, in the order of the rows
   */
  static Results merged(List<Results> newestFirst, List<String> workloads) {
    NavigableMap<Integer, Peak> peaks = new TreeMap<>();
    newestFirst.forEach(r -> r.peaks.forEach(peaks::putIfAbsent));
    List<Timing> timings = new ArrayList<>();
    Set<String> commands = new LinkedHashSet<>();
    for (String workload : workloads) {
      for (int threads : peaks.keySet()) {
        newestFirst.stream().filter(r -> r.isCompared(workload, threads)).findFirst().ifPresent(r -> {
          timings.addAll(r.timings.stream().filter(t -> t.workload().equals(workload) && t.threads() == threads).toList());
          commands.add(r.command);
        });
      }
    }
    Results newest = newestFirst.getFirst();
    return new Results(newest.machine, newest.time, String.join("\n", commands), peaks, timings);
  }

  /** Whether Tenon and another engine were measured. */
  private boolean isCompared(String workload, int threads) {
    return find(workload, Tenon.NAME, threads).isPresent()
        && timings.stream().filter(t -> t.workload().equals(workload) && t.threads() == threads).count() > 1;
  }

  /** The timing of that work, if it was measured. */
  public Optional<Timing> find(String workload, String engine, int threads) {
    return timings.stream()
        .filter(t -> t.workload().equals(workload) && t.engine().equals(engine) && t.threads() == threads).findFirst();
  }

  /** Where {@link #save} puts it under {@code folder}. */
  public Path file(Path folder) {
    return folder.resolve(machine.name()).resolve(time.replaceAll("[^0-9T]", "") + ".json");
  }

  /** Writes it under {@code folder} and the machine's name. */
  public void save(Path folder) {
    Path file = file(folder);
    byte[] text = text();
    try {
      Files.createDirectories(file.getParent());
    } catch (IOException e) {
      throw new TenonException("cannot make the folder " + file.getParent() + " (" + e.getMessage() + "); choose another --results", e);
    }
    AtomicFile.write(file, out -> Channels.newOutputStream(out).write(text));
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
