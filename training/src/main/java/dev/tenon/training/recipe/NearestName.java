package dev.tenon.training.recipe;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/** Guesses which valid name a mistyped one was meant to be. */
final class NearestName {
  private NearestName() {}

  /** The candidate with the least edit distance; empty when there is no candidate at all. */
  static Optional<String> of(String typed, Collection<String> candidates) {
    return candidates.stream()
        .min(Comparator.<String>comparingInt(name -> distance(typed, name)).thenComparing(name -> name));
  }

  /** Levenshtein distance, case ignored: the fewest insertions, deletions and replacements. */
  static int distance(String left, String right) {
    var a = left.toLowerCase(Locale.ROOT);
    var b = right.toLowerCase(Locale.ROOT);
    var row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replace = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replace, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }
}
