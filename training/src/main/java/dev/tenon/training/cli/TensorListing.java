package dev.tenon.training.cli;

import dev.tenon.engine.Shape;
import dev.tenon.engine.io.Npy;
import dev.tenon.engine.io.Npz;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.TensorEntry;
import dev.tenon.engine.io.TensorFile;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A file's table of contents: name, type and shape of each tensor, and how much that is together.
 *
 * @param metadata what the file says about itself
 */
record TensorListing(List<Row> rows, Map<String, String> metadata) {
  private static final int LONGEST_METADATA = 120;

  record Row(String name, String dtype, Shape shape, long bytes) {
    static Row of(TensorEntry entry) {
      return new Row(entry.name(), entry.dtype().toString(), entry.shape(), entry.data().byteSize());
    }
  }

  static TensorListing ofSafetensors(Path file) {
    try (var open = Safetensors.open(file)) {
      return new TensorListing(rows(open), open.metadata());
    }
  }

  static TensorListing ofNpz(Path file) {
    try (var open = Npz.open(file)) {
      return new TensorListing(rows(open), Map.of());
    }
  }

  static TensorListing ofNpy(Path file) {
    try (var arena = Arena.ofConfined()) {
      return new TensorListing(List.of(Row.of(Npy.read(file, arena))), Map.of());
    }
  }

  void print(PrintWriter out) {
    int name = width("name", rows.stream().map(Row::name).toList());
    int shape = width("shape", rows.stream().map(row -> row.shape.toString()).toList());
    var format = "%-" + name + "s  %-5s  %-" + shape + "s  %,15d%n";
    out.printf("%-" + name + "s  %-5s  %-" + shape + "s  %15s%n", "name", "type", "shape", "elements");
    rows.forEach(row -> out.printf(Locale.ROOT, format, row.name, row.dtype, row.shape, row.shape.size()));
    out.printf(Locale.ROOT, "%n%,d tensors, %,d parameters, %,d bytes%n",
        rows.size(), rows.stream().mapToLong(row -> row.shape.size()).sum(),
        rows.stream().mapToLong(Row::bytes).sum());
    metadata.forEach((key, value) -> out.println(key + ": " + shortened(value)));
  }

  private static List<Row> rows(TensorFile file) {
    return file.names().stream().map(name -> Row.of(file.entry(name))).toList();
  }

  private static int width(String heading, List<String> texts) {
    return Math.max(heading.length(), texts.stream().mapToInt(String::length).max().orElse(0));
  }

  private static String shortened(String value) {
    var line = value.replaceAll("\\s+", " ");
    return line.length() <= LONGEST_METADATA ? line : line.substring(0, LONGEST_METADATA) + " …";
  }
}
