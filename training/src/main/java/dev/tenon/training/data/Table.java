package dev.tenon.training.data;

import dev.tenon.engine.TenonException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;

/**
 * A list file of lines {@code key value}, the form in which most data sets tell labels and splits. Keys keep
 * the order of the file.
 */
record Table(Path file, Map<String, String> rows) {
  /** Keys stand first in a line: {@code id value with spaces}. */
  static Table keyFirst(Path file) {
    return read(file, line -> line.indexOf(' '));
  }

  /** Keys stand before the last space: {@code path with spaces label}. */
  static Table keyBeforeLastSpace(Path file) {
    return read(file, line -> line.lastIndexOf(' '));
  }

  private static Table read(Path file, ToIntFunction<String> split) {
    List<String> lines = Folder.lines(file);
    Map<String, String> rows = new LinkedHashMap<>();
    for (String line : lines) {
      String spaced = line.replace('\t', ' ');
      int at = split.applyAsInt(spaced);
      if (at < 0) {
        throw new TenonException(
            file + ": the line '" + line + "' has one word where two belong; replace it by the original");
      }
      rows.put(spaced.substring(0, at).strip(), spaced.substring(at + 1).strip());
    }
    if (rows.isEmpty()) {
      throw new TenonException(file + ": the file is empty; replace it by the original");
    }
    return new Table(file, rows);
  }

  String text(String key) {
    String value = rows.get(key);
    if (value == null) {
      throw new TenonException(file + ": there is no line for '" + key + "'; replace it by the original");
    }
    return value;
  }

  int number(String key) {
    String value = text(key);
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException _) {
      throw new TenonException(file + ": '" + value + "' stands for '" + key
          + "' where a whole number belongs; replace the file by the original");
    }
  }
}
