package dev.tenon.training.recipe;

import dev.tenon.engine.TenonException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * One section of a recipe, visited key by key. The same visit reads a recipe (each question answers what
 * the file says,
 * or the given default) and writes it (each question records the given value and answers it), so that a
 * key, its
 * type, its bounds and its place in the canonical form are written down exactly once.
 */
public interface Section {

  /** Both ends belong to the range. */
  int integer(String key, int value, int min, int max);

  long longInteger(String key, long value);

  /** Both ends belong to the range. */
  double number(String key, double value, double min, double max);

  boolean flag(String key, boolean value);

  String text(String key, String value);

  /**
   * A text that {@code parse} understands; what it refuses with a {@link TenonException} is told with its
   * place.
   */
  <T> T parsed(String key, T value, Function<String, T> parse);

  /** A file or folder, relative to the current directory; the empty path stands for "not given". */
  Path path(String key, Path value);

  <E extends Enum<E>> E choice(String key, E value);

  <E extends Enum<E>> List<E> choices(String key, List<E> value, Class<E> type);

  List<Double> numbers(String key, List<Double> value, int count, double min, double max);

  <T> T section(String key, T value, BiFunction<Section, T, T> visit);

  /**
   * A list of sections; an item that is a bare word {@code w} is short for {@code {shorthand: w}}.
   *
   * @param blank the defaults of an item
   */
  <T> List<T> items(String key, List<T> value, T blank, String shorthand, BiFunction<Section, T, T> visit);

  /**
   * Refuses the recipe unless {@code holds}: the message is the name of the key followed by {@code
   * problem}. Comes
   * after all keys of the section were asked for, so that a mistyped one is told first.
   */
  void check(boolean holds, String key, String problem);

  /** How a constant is spelled in a recipe: {@code LINEAR_PROBE} is {@code linear-probe}. */
  static String spelling(Enum<?> constant) {
    return constant.toString().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
