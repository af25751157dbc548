package dev.tenon.training.cli;

import dev.tenon.engine.BackendProvider;
import dev.tenon.engine.Backends;
import dev.tenon.engine.Device;
import dev.tenon.engine.io.CacheFolder;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Tells whether this machine can do the work, and if not, what is missing. */
@Command(name = "doctor", description = "Show the JDK, devices, memory and folders Tenon will use.")
final class DoctorCommand implements Callable<Integer> {
  private static final String VECTOR_MODULE = "jdk.incubator.vector";
  private static final int LEAST_JDK = 25;

  private final CacheFolder cache;
  @Spec private CommandSpec spec;

  DoctorCommand(CacheFolder cache) {
    this.cache = cache;
  }

  @Override
  public Integer call() {
    var runtime = Runtime.version();
    boolean jdk = runtime.feature() >= LEAST_JDK;
    boolean vector = ModuleLayer.boot().findModule(VECTOR_MODULE).isPresent();
    line("JDK", runtime + " in " + System.getProperty("java.home"), jdk, "install a JDK 25");
    line("system", property("os.name") + " " + property("os.version") + ", " + property("os.arch"), true, "");
    line("Vector API", vector ? "on" : "off", vector, "start Java with --add-modules " + VECTOR_MODULE);
    line("cores", Integer.toString(Runtime.getRuntime().availableProcessors()), true, "");
    line("memory", memory(), true, "");
    for (var kind : Device.Kind.values()) {
      line(kind.toString().toLowerCase(Locale.ROOT), devices(kind), true, "");
    }
    boolean writable = canWrite(cache.path().toAbsolutePath());
    line("cache", cache.path().toString(), writable,
        "make it writable or name another in " + CacheFolder.VARIABLE);
    spec.commandLine().getOut().flush();
    return jdk && vector && writable ? ExitCode.OK : ExitCode.FAILURE;
  }

  /** The devices of one kind, or why there are none. */
  private static String devices(Device.Kind kind) {
    return Backends.providers().stream()
        .filter(provider -> provider.kind() == kind)
        .map(BackendProvider::discover)
        .findFirst()
        .orElse(kind == Device.Kind.CPU
            ? "reference computations only: no kernels for the processor are installed"
            : "none: this build has no kernels for it");
  }

  private void line(String what, String found, boolean good, String remedy) {
    String lines = found.replace("\n", "\n" + " ".repeat(12));
    spec.commandLine().getOut().printf("%-11s %s%s%n", what, lines, good ? "" : "  <- " + remedy);
  }

  private static String property(String name) {
    return System.getProperty(name);
  }

  private static String memory() {
    double gib = 1L << 30;
    double heap = Runtime.getRuntime().maxMemory() / gib;
    return ManagementFactory.getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean os
        ? String.format(Locale.ROOT, "%.1f GiB, of which %.1f GiB for the Java heap",
            os.getTotalMemorySize() / gib, heap)
        : String.format(Locale.ROOT, "%.1f GiB for the Java heap", heap);
  }

  /** Whether the folder, or the nearest one above it that exists, can be written to. */
  private static boolean canWrite(Path folder) {
    var existing = folder;
    while (existing != null && !Files.exists(existing)) {
      existing = existing.getParent();
    }
    return existing != null && Files.isDirectory(existing) && Files.isWritable(existing);
  }
}
