package dev.tenon.training.recipe;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A recipe before its keys mean anything: scalars, lists and sections that remember where they were
 * written.
 */
sealed interface RecipeNode {

  Origin origin();

  /**
   * The text of one value; {@code plain} is false when it was quoted, which makes it text and nothing
   * else.
   */
  record Scalar(Origin origin, String text, boolean plain) implements RecipeNode {}

  record Sequence(Origin origin, List<RecipeNode> items) implements RecipeNode {
    public Sequence {
      items = List.copyOf(items);
    }
  }

  record Mapping(Origin origin, Map<String, RecipeNode> entries) implements RecipeNode {
    private static final String KIND = "kind";

    public Mapping {
      entries = Collections.unmodifiableMap(new LinkedHashMap<>(entries));
    }

    /**
     * This section with {@code over}'s values in place of its own, section by section. A section whose
     * {@code kind}
     * changes is replaced whole, for the keys of one kind mean nothing to another.
     */
    Mapping overlaidBy(Mapping over) {
      if (changesKind(over)) {
        return over;
      }
      var merged = new LinkedHashMap<>(entries);
      over.entries.forEach((key, value) -> merged.merge(key, value, Mapping::overlay));
      return new Mapping(origin, merged);
    }

    private static RecipeNode overlay(RecipeNode below, RecipeNode above) {
      return below instanceof Mapping b && above instanceof Mapping a ? b.overlaidBy(a) : above;
    }

    private boolean changesKind(Mapping over) {
      return entries.get(KIND) instanceof Scalar mine
          && over.entries.get(KIND) instanceof Scalar theirs
          && !mine.text().equals(theirs.text());
    }
  }
}
