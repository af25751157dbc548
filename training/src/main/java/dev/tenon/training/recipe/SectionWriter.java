package dev.tenon.training.recipe;

import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.List;
import java.util.StringJoiner;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.regex.Pattern;

/** Answers a visit with the values it is given and writes them down as canonical YAML. */
final class SectionWriter implements Section {
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_./][A-Za-z0-9_./ +-]*(?<! )");

  private final StringBuilder out;
  private final String indent;

  private SectionWriter(StringBuilder out, String indent) {
    this.out = out;
    this.indent = indent;
  }

  static <T> String write(T value, BiFunction<Section, T, T> visit) {
    var out = new StringBuilder();
    T _ = visit.apply(new SectionWriter(out, ""), value);
    return out.toString();
  }

  @Override
  public int integer(String key, int value, int min, int max) {
    line(key, Integer.toString(value));
    return value;
  }

  @Override
  public long longInteger(String key, long value) {
    line(key, Long.toString(value));
    return value;
  }

  @Override
  public double number(String key, double value, double min, double max) {
    line(key, plain(value));
    return value;
  }

  @Override
  public boolean flag(String key, boolean value) {
    line(key, Boolean.toString(value));
    return value;
  }

  @Override
  public String text(String key, String value) {
    line(key, quoted(value));
    return value;
  }

  @Override
  public <T> T parsed(String key, T value, Function<String, T> parse) {
    line(key, quoted(value.toString()));
    return value;
  }

  @Override
  public Path path(String key, Path value) {
    line(key, quoted(value.toString()));
    return value;
  }

  @Override
  public <E extends Enum<E>> E choice(String key, E value) {
    line(key, Section.spelling(value));
    return value;
  }

  @Override
  public <E extends Enum<E>> List<E> choices(String key, List<E> value, Class<E> type) {
    flow(key, value, Section::spelling);
    return value;
  }

  @Override
  public List<Double> numbers(String key, List<Double> value, int count, double min, double max) {
    flow(key, value, SectionWriter::plain);
    return value;
  }

  @Override
  public <T> T section(String key, T value, BiFunction<Section, T, T> visit) {
    out.append(indent).append(key).append(":\n");
    return visit.apply(new SectionWriter(out, indent + "  "), value);
  }

  @Override
  public <T> List<T> items(
      String key, List<T> value, T blank, String shorthand, BiFunction<Section, T, T> visit) {
    if (value.isEmpty()) {
      line(key, "[]");
      return value;
    }
    out.append(indent).append(key).append(":\n");
    for (T item : value) {
      var lines = write(item, visit).stripTrailing().replace("\n", "\n" + indent + "    ");
      out.append(indent).append("  - ").append(lines).append('\n');
    }
    return value;
  }

  @Override
  public void check(boolean holds, String key, String problem) {
    // A recipe that exists was checked when it was read.
  }

  /** The shortest plain spelling of a number: whole numbers without a fraction, small ones as 5e-06. */
  static String plain(double value) {
    if (value == Math.rint(value) && Math.abs(value) < 1e15) {
      return Long.toString((long) value);
    }
    var text = Math.abs(value) < 1e-3 ? Double.toString(value) : BigDecimal.valueOf(value).toPlainString();
    return text.replace("E", "e").replace(".0e", "e");
  }

  private void line(String key, String value) {
    out.append(indent).append(key).append(": ").append(value).append('\n');
  }

  private <T> void flow(String key, List<T> values, Function<T, String> spelling) {
    var joined = new StringJoiner(", ", "[", "]");
    values.forEach(value -> joined.add(spelling.apply(value)));
    line(key, joined.toString());
  }

  private static String quoted(String text) {
    if (PLAIN.matcher(text).matches()) {
      return text;
    }
    var escaped = text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n").replace("\t", "\\t");
    return "\"" + escaped + "\"";
  }
}
