package dev.tenon.training.data;

import java.util.Comparator;

/** The order in which folders named after classes become labels. */
public enum ClassOrder {
  /** Numbers within names count as numbers: 2 before 10. What EMTAL's reference code does. */
  NATURAL,
  /** Character by character: 10 before 2. What torchvision does. */
  LEXICOGRAPHIC;

  Comparator<String> comparator() {
    return this == LEXICOGRAPHIC ? Comparator.naturalOrder() : ClassOrder::compareNaturally;
  }

  private static int compareNaturally(String one, String other) {
    int i = 0;
    int j = 0;
    while (i < one.length() && j < other.length()) {
      int endOne = endOfDigits(one, i);
      int endOther = endOfDigits(other, j);
      int order;
      if (endOne > i && endOther > j) {
        order = compareNumbers(one.substring(i, endOne), other.substring(j, endOther));
        i = endOne;
        j = endOther;
      } else {
        order = Character.compare(Character.toLowerCase(one.charAt(i++)), Character.toLowerCase(other.charAt(j++)));
      }
      if (order != 0) {
        return order;
      }
    }
    int byRest = Integer.compare(one.length() - i, other.length() - j);
    // Names that differ only in case or in leading zeros still need one fixed order.
    return byRest != 0 ? byRest : one.compareTo(other);
  }

  private static int compareNumbers(String one, String other) {
    String a = one.replaceFirst("^0+(?=.)", "");
    String b = other.replaceFirst("^0+(?=.)", "");
    return a.length() != b.length() ? Integer.compare(a.length(), b.length()) : a.compareTo(b);
  }

  private static int endOfDigits(String text, int from) {
    int at = from;
    while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
      at++;
    }
    return at;
  }
}
