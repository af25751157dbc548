package dev.tenon.training.recipe;

import dev.tenon.engine.TenonException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;

/** Answers a visit with what a recipe says, refusing what is mistyped, out of range or known to nobody. */
final class SectionReader implements Section {
  private final RecipeNode.Mapping node;
  private final String prefix;
  private final Set<String> known = new LinkedHashSet<>();

  private SectionReader(RecipeNode.Mapping node, String prefix) {
    this.node = node;
    this.prefix = prefix;
  }

  /**
   * Visits the whole of {@code node}; a key the visit did not ask for is refused with the nearest one it
   * did.
   */
  static <T> T read(RecipeNode.Mapping node, T defaults, BiFunction<Section, T, T> visit) {
    return read(node, "", defaults, visit);
  }

  private static <T> T read(
      RecipeNode.Mapping node, String prefix, T defaults, BiFunction<Section, T, T> visit) {
    var reader = new SectionReader(node, prefix);
    T result;
    try {
      result = visit.apply(reader, defaults);
    } catch (Contradiction e) {
      reader.refuseUnknown();
      throw e.refusal;
    }
    reader.refuseUnknown();
    return result;
  }

  @Override
  public int integer(String key, int value, int min, int max) {
    var scalar = scalar(key, "a whole number");
    return scalar == null ? value : (int) within(key, scalar, (double) wholeNumber(key, scalar), min, max);
  }

  @Override
  public long longInteger(String key, long value) {
    var scalar = scalar(key, "a whole number");
    return scalar == null ? value : wholeNumber(key, scalar);
  }

  @Override
  public double number(String key, double value, double min, double max) {
    var scalar = scalar(key, "a number");
    return scalar == null ? value : number(key, scalar, min, max);
  }

  @Override
  public boolean flag(String key, boolean value) {
    var scalar = scalar(key, "true or false");
    if (scalar == null) {
      return value;
    }
    return switch (scalar.text()) {
      case "true" -> true;
      case "false" -> false;
      default -> throw wrongType(key, scalar, "true or false");
    };
  }

  @Override
  public String text(String key, String value) {
    var scalar = scalar(key, "a text");
    return scalar == null ? value : scalar.text();
  }

  @Override
  public <T> T parsed(String key, T value, Function<String, T> parse) {
    var scalar = scalar(key, "a text");
    try {
      return scalar == null ? value : parse.apply(scalar.text());
    } catch (TenonException e) {
      throw refusal(scalar, named(key) + ": " + e.getMessage() + ".");
    }
  }

  @Override
  public Path path(String key, Path value) {
    var scalar = scalar(key, "a path");
    if (scalar == null) {
      return value;
    }
    if (scalar.text().startsWith("~")) {
      throw refusal(scalar, named(key) + " begins with '~', which is not expanded; write it in full.");
    }
    try {
      return Path.of(scalar.text());
    } catch (InvalidPathException e) {
      throw wrongType(key, scalar, "a path");
    }
  }

  @Override
  public <E extends Enum<E>> E choice(String key, E value) {
    var scalar = scalar(key, "one word");
    return scalar == null ? value : constant(key, scalar, value.getDeclaringClass());
  }

  @Override
  public <E extends Enum<E>> List<E> choices(String key, List<E> value, Class<E> type) {
    var chosen = list(key, value, item -> constant(key, scalar(key, item, "one word"), type));
    var origin = node.entries().get(key);
    if (Set.copyOf(chosen).size() < chosen.size()) {
      throw refusal(origin, named(key) + " names one thing twice; keep one.");
    }
    return chosen;
  }

  @Override
  public List<Double> numbers(String key, List<Double> value, int count, double min, double max) {
    var numbers = list(key, value, item -> number(key, scalar(key, item, "a number"), min, max));
    if (numbers.size() != count) {
      throw refusal(node.entries().get(key),
          named(key) + " takes exactly " + count + " numbers, found " + numbers.size() + ".");
    }
    return numbers;
  }

  @Override
  public <T> T section(String key, T value, BiFunction<Section, T, T> visit) {
    known.add(key);
    return switch (node.entries().get(key)) {
      case null -> read(new RecipeNode.Mapping(node.origin(), Map.of()), prefix + key + ".", value, visit);
      case RecipeNode.Mapping m -> read(m, prefix + key + ".", value, visit);
      case RecipeNode other -> throw wrongType(key, other, "a section of 'key: value' lines");
    };
  }

  @Override
  public <T> List<T> items(
      String key, List<T> value, T blank, String shorthand, BiFunction<Section, T, T> visit) {
    return list(key, value, item -> read(asMapping(key, item, shorthand), prefix + key + ".", blank, visit));
  }

  @Override
  public void check(boolean holds, String key, String problem) {
    if (!holds) {
      var at = node.entries().containsKey(key) ? node.entries().get(key) : node;
      throw new Contradiction(refusal(at, named(key) + " " + problem + "."));
    }
  }

  private RecipeNode.Mapping asMapping(String key, RecipeNode item, String shorthand) {
    return switch (item) {
      case RecipeNode.Mapping m -> m;
      case RecipeNode.Scalar s -> {
        var entries = new LinkedHashMap<String, RecipeNode>();
        entries.put(shorthand, s);
        yield new RecipeNode.Mapping(s.origin(), entries);
      }
      case RecipeNode.Sequence s -> throw wrongType(key, s, "a word or a section for each item");
    };
  }

  private <T> List<T> list(String key, List<T> value, Function<RecipeNode, T> convert) {
    known.add(key);
    return switch (node.entries().get(key)) {
      case null -> value;
      case RecipeNode.Sequence sequence -> {
        var items = new ArrayList<T>();
        sequence.items().forEach(item -> items.add(convert.apply(item)));
        yield List.copyOf(items);
      }
      case RecipeNode other -> throw wrongType(key, other, "a list such as [a, b]");
    };
  }

  private RecipeNode.Scalar scalar(String key, String expected) {
    known.add(key);
    var value = node.entries().get(key);
    return value == null ? null : scalar(key, value, expected);
  }

  private RecipeNode.Scalar scalar(String key, RecipeNode value, String expected) {
    if (value instanceof RecipeNode.Scalar s && !(s.plain() && s.text().isEmpty())) {
      return s;
    }
    throw wrongType(key, value, expected);
  }

  private long wholeNumber(String key, RecipeNode.Scalar scalar) {
    try {
      if (scalar.plain()) {
        return Long.parseLong(scalar.text().replace("_", ""));
      }
    } catch (NumberFormatException e) {
      throw wrongType(key, scalar, "a whole number");
    }
    throw wrongType(key, scalar, "a whole number");
  }

  private double number(String key, RecipeNode.Scalar scalar, double min, double max) {
    double number;
    try {
      number = scalar.plain() ? Double.parseDouble(scalar.text()) : Double.NaN;
    } catch (NumberFormatException e) {
      throw wrongType(key, scalar, "a number");
    }
    if (!Double.isFinite(number)) {
      throw wrongType(key, scalar, "a number");
    }
    return within(key, scalar, number, min, max);
  }

  private double within(String key, RecipeNode.Scalar scalar, double number, double min, double max) {
    if (number < min || number > max) {
      throw refusal(scalar, named(key) + " is " + scalar.text() + ", allowed is "
          + SectionWriter.plain(min) + " to " + SectionWriter.plain(max) + ".");
    }
    return number;
  }

  private <E extends Enum<E>> E constant(String key, RecipeNode.Scalar scalar, Class<E> type) {
    var names = Arrays.stream(type.getEnumConstants()).map(Section::spelling).toList();
    int index = names.indexOf(scalar.text());
    if (index < 0) {
      var nearest = NearestName.of(scalar.text(), names).orElseThrow();
      throw refusal(scalar, named(key) + " does not know '" + scalar.text() + "'; did you mean '" + nearest
          + "'? (One of " + String.join(", ", names) + ".)");
    }
    return type.getEnumConstants()[index];
  }

  private void refuseUnknown() {
    node.entries().forEach((key, value) -> {
      if (!known.contains(key)) {
        throw refusal(value, "unknown key '" + prefix + key + "'; " + remedy(key));
      }
    });
  }

  private String remedy(String key) {
    return NearestName.of(key, known)
        .map(name -> NearestName.distance(key, name) <= Math.max(2, key.length() / 2)
            ? "did you mean '" + prefix + name + "'?"
            : "the nearest valid one is '" + prefix + name + "' (here are " + String.join(", ", known) + ").")
        .orElse("nothing can be set here.");
  }

  private TenonException wrongType(String key, RecipeNode found, String expected) {
    var what = YamlSource.describe(found);
    return refusal(found, named(key) + " expects " + expected + ", found " + what + ".");
  }

  private String named(String key) {
    return "'" + prefix + key + "'";
  }

  private static TenonException refusal(RecipeNode at, String message) {
    return new TenonException(at.origin() + ": " + message);
  }

  /**
   * Held back until unknown keys were looked for: a mistyped key is the likelier cause of a contradiction.
   */
  private static final class Contradiction extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private final transient TenonException refusal;

    Contradiction(TenonException refusal) {
      super(refusal);
      this.refusal = refusal;
    }
  }
}
