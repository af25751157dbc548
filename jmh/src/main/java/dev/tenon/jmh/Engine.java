package dev.tenon.jmh;

import dev.tenon.engine.TenonException;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Stream;

/** What runs workloads: Tenon itself, or a peer that it is compared with. */
public interface Engine {
  String name();

  /** Whether it can do the same work as Tenon does for {@code workload}. */
  boolean knows(Workload workload);

  /**
   * Draws the operands and checks the result.
   *
   * @param threads CPU threads to compute with
   * @throws IllegalStateException when the result is wrong
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
