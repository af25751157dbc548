package dev.tenon.training.recipe;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * A key to which two recipes give different values.
 *
 * @param key such as {@code optimizer.lr}
 * @param first value in the one, as in its canonical form; empty when it does not have the key
 * @param second value in the other
 */
public record RecipeDifference(String key, String first, String second) {
  /** The alphabetically first key that matters and in which {@code one} and {@code other} differ. */
  public static Optional<RecipeDifference> between(Recipe one, Recipe other, Predicate<String> matters) {
    Map<String, String> first = values(one);
    Map<String, String> second = values(other);
    var keys = new TreeSet<>(first.keySet());
    keys.addAll(second.keySet());
    return keys.stream()
        .filter(matters)
        .map(key -> new RecipeDifference(key, first.getOrDefault(key, ""), second.getOrDefault(key, "")))
        .filter(difference -> !difference.first.equals(difference.second))
        .findFirst();
  }

  private static Map<String, String> values(Recipe recipe) {
    Map<String, String> values = new LinkedHashMap<>();
    YamlSource.document(recipe.name(), recipe.toYaml()).entries().forEach((key, node) -> collect(key, node, values));
    return values;
  }

  private static void collect(String key, RecipeNode node, Map<String, String> values) {
    if (node instanceof RecipeNode.Mapping mapping) {
      mapping.entries().forEach((inner, value) -> collect(key + "." + inner, value, values));
    } else {
      values.put(key, text(node));
    }
  }

  private static String text(RecipeNode node) {
    return switch (node) {
      case RecipeNode.Scalar scalar -> scalar.text();
      case RecipeNode.Sequence sequence -> list(sequence.items());
      case RecipeNode.Mapping mapping -> list(List.copyOf(mapping.entries().values()));
    };
  }

  private static String list(List<RecipeNode> nodes) {
    return nodes.stream().map(RecipeDifference::text).collect(Collectors.joining(", ", "[", "]"));
  }
}
