package dev.tenon.jmh;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BiPredicate;
import java.util.function.Consumer;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * Measures workloads, each on every engine that knows it. The engines' forks take turns, so that what slows the machine for a
 * while slows them alike.
 *
 * @param wanted whether a workload is to be measured with so many threads
 * @param warmup seconds before each measurement; peers, who have nothing to compile, get half of that
 * @param seconds of each measurement
 * @param minutes after which nothing more is begun
 */
record Session(
    List<Engine> engines, List<Integer> threads, BiPredicate<Workload, Integer> wanted, int forks, double warmup, double seconds,
    double minutes) {
  /** Nothing measured yet, here and now. */
  static Results nothing(Machine machine) {
    return new Results(machine, Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(), command(), new TreeMap<>(), List.of());
  }

  /**
   * Measures what {@code begun} does not have yet, and shows and keeps every workload's rows as soon as they are known, so that a run
   * may be stopped.
   */
  Results run(Results begun, List<Workload> workloads, Table table, Consumer<Results> keep) {
    Results results = begun;
    long start = System.nanoTime();
    for (int t : threads) {
      results = results.peaks().containsKey(t) ? results : results.with(t, MachinePeak.measure(t));
    }
    table.head(results.machine(), results.peaks(), engines);
    for (Workload workload : workloads) {
      for (int t : threads) {
        boolean inTime = (System.nanoTime() - start) / 60e9 < minutes;
        if (inTime && wanted.test(workload, t) && !results.has(workload.name(), t)) {
          List<Timing> rows = measure(workload, t, table);
          table.rows(workload, rows, results.peaks().get(t));
          results = results.with(rows);
          keep.accept(results);
        }
      }
    }
    return results;
  }

  private List<Timing> measure(Workload workload, int threadCount, Table table) {
    Map<String, List<Double>> medians = new LinkedHashMap<>();
    Set<String> failures = new HashSet<>();
    for (int fork = 0; fork < forks; fork++) {
      for (Engine engine : engines) {
        if (engine.knows(workload) && !failures.contains(engine.name())) {
          try {
            medians.computeIfAbsent(engine.name(), _ -> new ArrayList<>()).add(fork(workload, engine, threadCount));
          } catch (TenonException e) {
            failures.add(engine.name());
            medians.remove(engine.name());
            table.failure(e.getMessage());
          }
        }
      }
    }
    String commit = commit();
    return medians.entrySet().stream().map(e -> new Timing(workload.name(), e.getKey(), threadCount, commit, e.getValue())).toList();
  }

  /** The median time of a run in a JVM of its own, in microseconds. */
  private double fork(Workload workload, Engine engine, int threadCount) {
    try {
      Path log = Files.createTempFile("benchmark", ".log");
      try {
        RunResult result = new Runner(options(workload, engine, threadCount, log)).runSingle();
        return result.getPrimaryResult().getStatistics().getPercentile(50);
      } catch (RunnerException e) {
        throw new TenonException(engine.name() + " failed on " + workload.name() + ": " + cause(Files.readString(log)), e);
      } finally {
        Files.delete(log);
      }
    } catch (IOException e) {
      throw new TenonException("cannot keep what the benchmark says in a temporary file (" + e.getMessage() + "); make room", e);
    }
  }

  /** The first line about an exception, of all that a fork said. */
  private static String cause(String log) {
    return log.lines().filter(l -> l.contains("Exception") || l.contains("Error:")).findFirst().orElse(log);
  }

  private Options options(Workload workload, Engine engine, int threadCount, Path log) {
    return new OptionsBuilder()
        .include("^" + Measurement.class.getName().replace(".", "\\.") + "\\.")
        .param("workload", workload.name())
        .param("engine", engine.name())
        .param("threads", Integer.toString(threadCount))
        .mode(Mode.SampleTime)
        .timeUnit(TimeUnit.MICROSECONDS)
        .forks(1)
        .warmupIterations(1)
        .warmupTime(TimeValue.milliseconds(Math.round((engine instanceof Tenon ? 1000 : 500) * warmup)))
        .measurementIterations(1)
        .measurementTime(TimeValue.milliseconds(Math.round(1000 * seconds)))
        .shouldFailOnError(true)
        .output(log.toString())
        // ONNX Runtime walks a network recursively, deeper than the usual stack.
        .jvmArgs("--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-Xmx4g", "-Xss16m")
        .build();
  }

  private static String commit() {
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--", "*.java", "*.xml").isEmpty() ? "" : "+");
  }

  /** What git says; empty without git. */
  private static String git(String... arguments) {
    List<String> command = new ArrayList<>(List.of("git"));
    command.addAll(List.of(arguments));
    try {
      Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    } catch (IOException e) {
      return "";
    }
  }

  private static String command() {
    return "java -jar jmh/target/benchmarks.jar " + System.getProperty("sun.java.command", "").replaceFirst("^\\S+ ", "");
  }
}
