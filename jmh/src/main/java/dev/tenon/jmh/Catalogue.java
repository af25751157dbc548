package dev.tenon.jmh;

import dev.tenon.engine.TenonException;
import java.util.List;
import java.util.Locale;

/** All that can be timed. */
final class Catalogue {
  private static final List<Workload> ALL = Workloads.all();

  private Catalogue() {}

  static List<Workload> all() {
    return ALL;
  }

  /**
   * The workloads whose names contain one of {@code parts}, in any case.
   *
   * @throws TenonException when there are none
   */
  static List<Workload> matching(List<String> parts) {
    List<Workload> found = ALL.stream()
        .filter(w -> parts.stream().anyMatch(p -> w.name().toLowerCase(Locale.ROOT).contains(p.toLowerCase(Locale.ROOT)))).toList();
    if (found.isEmpty()) {
      throw new TenonException("no workload's name contains " + String.join(" or ", parts) + "; run without arguments to see all names");
    }
    return found;
  }

  /** The workload of exactly that name. */
  static Workload named(String name) {
    return ALL.stream().filter(w -> w.name().equals(name)).findFirst()
        .orElseThrow(() -> new TenonException("no workload is called " + name + "; run without arguments to see all names"));
  }
}
