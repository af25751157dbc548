package dev.tenon.jmh;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.io.AtomicFile;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Formatter;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Results as a page: one table and one chart.
 *
 * @param jars of engine and kernels, whose size is told; none where they were not built
 */
record Report(Results results, List<Path> jars) {
  private static final double MOST_MEGABYTES = 5;
  /** The lines of a page between which it is written anew; what stands before and after them, somebody wrote by hand. */
  private static final String BEGIN = "<!-- from here on written by the benchmarks -->\n";
  private static final String END = "<!-- up to here -->\n";

  /** Writes a page, or the marked part of one that is there, and its chart beside it under the same name. */
  void write(Path file) {
    List<Verdict> verdicts = Verdict.of(results);
    if (verdicts.isEmpty()) {
      throw new TenonException("no results have a peer's times in them; build with -Ppeers and measure again");
    }
    Path chart = file.resolveSibling(file.getFileName().toString().replaceFirst("\\.md$", "") + ".svg");
    write(chart, new RatioChart(verdicts).toString());
    String part = BEGIN + measured(verdicts, chart.getFileName().toString()) + END;
    write(file, Files.exists(file) ? within(file, part) : "# The CPU beside native libraries\n\n" + part);
  }

  /** The page with its marked part replaced. */
  private static String within(Path file, String part) {
    String page = read(file);
    int begin = page.indexOf(BEGIN);
    int end = page.indexOf(END, Math.max(0, begin));
    if (begin < 0 || end < 0) {
      throw new TenonException(file + " does not say where results belong; give it the lines " + BEGIN.strip() + " and " + END.strip());
    }
    return page.substring(0, begin) + part + page.substring(end + END.length());
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new TenonException("cannot read " + file + " (" + e.getMessage() + ")", e);
    }
  }

  private static void write(Path file, String text) {
    AtomicFile.write(file, out -> Channels.newOutputStream(out).write(text.getBytes(StandardCharsets.UTF_8)));
  }

  private String measured(List<Verdict> verdicts, String chart) {
    Formatter page = new Formatter(Locale.ROOT);
    page.format("%n");
    Machine machine = results.machine();
    page.format("%s, %d cores, %d-bit vectors, %s. %s.%n", machine.processor(), machine.cores(), machine.vectorBits(),
        machine.java(), results.time());
    results.peaks().forEach((threads, peak) -> page.format("Measured peak with %d thread%s: %.0f GFLOP/s, %.1f GB/s copied.%n", threads,
        threads == 1 ? "" : "s", peak.flops() / 1e9, peak.bytes() / 1e9));
    page.format("%n%s%n", results.command().indent(4));
    page.format("Times are medians over forks, ± half the 95 %% confidence interval of their mean. \"x\" is the other's time over Tenon's:"
        + " above 1 Tenon is faster. \"at least\" is the aim; **bold** rows miss it.%n%n");
    page.format("![the same as a chart](%s)%n%n", chart);
    page.format("| work | threads | µs | ± | against | µs | x | at least | %% of peak | commit |%n");
    page.format("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |%n");
    for (Verdict v : verdicts) {
      String mark = v.isMissed() ? "**" : "";
      page.format("| %s%s%s | %d | %s | %s | %s | %s | %s%.2f%s | %s | %s | %s |%n", mark, v.work(), mark, v.threads(), number(v.micros()),
          ours(v).map(t -> number(t.halfWidth())).orElse(""), v.against(), number(v.other()), mark, v.ratio(), mark,
          v.least() == 0 ? "" : String.format(Locale.ROOT, "%.2f", v.least()), share(v), ours(v).map(Timing::commit).orElse(""));
    }
    long aimed = verdicts.stream().filter(v -> v.least() > 0).count();
    page.format("%n%d of %d aims are met.%n", aimed - verdicts.stream().filter(Verdict::isMissed).count(), aimed);
    if (!jars.isEmpty()) {
      double size = jars.stream().mapToLong(jar -> jar.toFile().length()).sum() / 1e6;
      page.format("%nThe jars of engine and kernels have %.2f MB together%s; less than %.0f MB is the aim.%n", size,
          size < MOST_MEGABYTES ? "" : ", **too much**", MOST_MEGABYTES);
    }
    page.format("%n");
    return page.toString();
  }

  private Optional<Timing> ours(Verdict v) {
    return results.find(v.work(), Tenon.NAME, v.threads());
  }

  private String share(Verdict v) {
    return Double.isNaN(v.micros()) ? ""
        : String.format(Locale.ROOT, "%.0f", 100 * results.peaks().get(v.threads()).share(Catalogue.named(v.work()).cost(), v.micros()));
  }

  private static String number(double value) {
    return Double.isNaN(value) ? "" : String.format(Locale.ROOT, value < 100 ? "%.1f" : "%.0f", value);
  }
}
