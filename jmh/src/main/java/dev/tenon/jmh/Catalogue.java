package dev.tenon.jmh;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.op.Ops;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** All that can be timed: the named workloads, and every op of {@link Ops#ALL} on operands that its example draws. */
final class Catalogue {
  /** Calls of ops are drawn when they are asked for. */
  private static final Map<String, Supplier<Workload>> ALL = all();

  private Catalogue() {}

  private static Map<String, Supplier<Workload>> all() {
    Map<String, Supplier<Workload>> all = new LinkedHashMap<>();
    Workloads.all().forEach(w -> all.put(w.name(), () -> w));
    Ops.ALL.forEach(entry -> all.put(OpCalls.name(entry), () -> OpCalls.of(entry)));
    return all;
  }

  static Set<String> names() {
    return ALL.keySet();
  }

  /**
   * What is called exactly as one of {@code parts}, a workload, an op or both; where nothing is, whatever has it in its name. In any case
   * of letters.
   *
   * @throws TenonException when there are none for one of them
   */
  static List<Workload> matching(List<String> parts) {
    Set<String> found = new LinkedHashSet<>();
    for (String part : parts) {
      String wanted = part.toLowerCase(Locale.ROOT);
      List<String> exact = names(name -> name.equals(wanted) || name.equals(OpCalls.PREFIX + wanted));
      List<String> some = exact.isEmpty() ? names(name -> name.contains(wanted)) : exact;
      if (some.isEmpty()) {
        throw new TenonException("no workload's or op's name contains " + part + "; run without arguments to see all names");
      }
      found.addAll(some);
    }
    return found.stream().map(Catalogue::named).toList();
  }

  private static List<String> names(Predicate<String> wanted) {
    return ALL.keySet().stream().filter(name -> wanted.test(name.toLowerCase(Locale.ROOT))).toList();
  }

  /** The workload of exactly that name. */
  static Workload named(String name) {
    if (!ALL.containsKey(name)) {
      throw new TenonException("no workload is called " + name + "; run without arguments to see all names");
    }
    return ALL.get(name).get();
  }
}
