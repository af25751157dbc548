package dev.tenon.jmh;

import dev.tenon.engine.TenonException;
import dev.tenon.training.bench.MismatchException;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Stream;

/** What runs workloads: Tenon itself, or a peer that it is compared with. */
public interface Engine {
  String name();

  /** What of it was chosen for this machine; empty where there is nothing to tell. */
  default Optional<String> choice() {
    return Optional.empty();
  }

  /** Whether it can do the same work as Tenon does for {@code workload}. */
  boolean knows(Workload workload);

  /**
   * Draws the operands and checks the result.
   *
   * @param threads CPU threads to compute with
   * @throws MismatchException when the result is wrong
   */
  Job open(Workload workload, int threads);

  /** Tenon, and the peers that this build has (profile {@code peers}). */
  static List<Engine> all() {
    return Stream.concat(Stream.of(new Tenon()), ServiceLoader.load(Engine.class).stream().map(ServiceLoader.Provider::get)).toList();
  }

  /** The engine of that name. */
  static Engine named(String name) {
    return all().stream().filter(e -> e.name().equals(name)).findFirst()
        .orElseThrow(() -> new TenonException("this build has no engine " + name + "; build with -Ppeers"));
  }
}
