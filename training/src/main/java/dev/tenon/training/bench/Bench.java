package dev.tenon.training.bench;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.Device;
import dev.tenon.engine.Scope;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.autograd.Tape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * Checks and times the {@link Workloads} on one device.
 *
 * @param threads CPU threads; 0 for one a core
 * @param batch images at a time; 0 for as many as suit the device
 * @param seconds to spend on each row, beside its check
 */
public record Bench(Device device, int threads, int batch, double seconds) {
  private static final int GPU_BATCH = 128;
  private static final int CPU_BATCH = 8;

  /**
   * What a device did.
   *
   * @param allRight whether every result agreed with its definition
   * @param json all of it, for programs
   */
  public record Outcome(boolean allRight, Map<String, Object> json) {}

  /**
   * Measures every row whose name is {@code wanted}. Where some have been measured, an arithmetic that the device does not have is told
   * and left out.
   *
   * @param lines hears the table, a line at a time
   * @throws TenonException when no row is wanted, or the device is not there
   */
  public Outcome run(Predicate<String> wanted, Consumer<String> lines) {
    if (Arithmetic.of(device).stream().allMatch(a -> rows(a, wanted).isEmpty())) {
      throw new TenonException("no row of the table matches; the rows are " + String.join(", ", names()));
    }
    List<Map<String, Object>> json = new ArrayList<>();
    boolean right = true;
    for (Arithmetic arithmetic : Arithmetic.of(device)) {
      List<Workload> rows = rows(arithmetic, wanted);
      if (!rows.isEmpty()) {
        right &= run(arithmetic, rows, lines, json);
      }
    }
    return new Outcome(right, Map.of("batch", workloads().batch(), "measured", json));
  }

  /** The names of all rows. */
  private List<String> names() {
    return Arithmetic.of(device).stream().flatMap(a -> rows(a, _ -> true).stream().map(w -> name(w, a))).toList();
  }

  private Workloads workloads() {
    return new Workloads(batch > 0 ? batch : device.kind() == Device.Kind.CUDA ? GPU_BATCH : CPU_BATCH);
  }

  private List<Workload> rows(Arithmetic arithmetic, Predicate<String> wanted) {
    return workloads().all().stream().filter(w -> w.in(arithmetic) && wanted.test(name(w, arithmetic))).toList();
  }

  private static String name(Workload workload, Arithmetic arithmetic) {
    return workload.name() + "-" + arithmetic.name().toLowerCase(Locale.ROOT);
  }

  private boolean run(Arithmetic arithmetic, List<Workload> workloads, Consumer<String> lines, List<Map<String, Object>> json) {
    boolean right = true;
    Backend opened;
    try {
      opened = Backends.open(device, threads, arithmetic.precision());
    } catch (TenonException e) {
      if (json.isEmpty()) {
        throw e;
      }
      lines.accept(System.lineSeparator() + e.getMessage());
      return right;
    }
    try (Backend backend = opened) {
      Peak peak = Peak.of(backend, arithmetic, workloads());
      lines.accept(String.format(Locale.ROOT, "%n%s: at most %.2f TFLOP/s (its largest product) and %.0f GB/s (a copy) in %s",
          backend.device(), peak.flops() / 1e12, peak.bytes() / 1e9, arithmetic));
      lines.accept(Row.HEAD);
      List<Map<String, Object>> rows = new ArrayList<>();
      for (Workload workload : workloads) {
        Row row = row(backend, workload, arithmetic, peak);
        lines.accept(row.toString());
        rows.add(row.json());
        right &= row.isRight();
      }
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("device", backend.describe());
      object.put("arithmetic", arithmetic.name());
      object.put("peak_tflops", peak.flops() / 1e12);
      object.put("peak_gbytes_per_second", peak.bytes() / 1e9);
      object.put("rows", rows);
      json.add(object);
    }
    return right;
  }

  private Row row(Backend backend, Workload workload, Arithmetic arithmetic, Peak peak) {
    String name = name(workload, arithmetic);
    try (Scope _ = Scope.open(backend)) {
      Workload.Prepared prepared = workload.prepare(arithmetic);
      backend.kernels().resetFallbacks();
      try (Scope _ = Scope.open(); Tape _ = Tape.pause()) {
        prepared.run().run();
      }
      long fallbacks = backend.kernels().fallbacks();
      return new Row(name, prepared.cost(), Timing.of(backend, prepared, seconds), peak, fallbacks, "");
    } catch (MismatchException | TenonException e) {
      return new Row(name, null, null, peak, 0, e.getMessage());
    }
  }
}
