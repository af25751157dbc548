package dev.tenon.training.report;

import java.util.List;
import java.util.Locale;

/** How numbers are spelled on the page. */
final class Figures {
  private Figures() {}

  /** A share as a percentage with its sign. */
  static String percent(double share) {
    return plainPercent(share) + " %";
  }

  /** Shares as percentages without the sign. */
  static List<String> percents(List<Double> shares) {
    return shares.stream().map(Figures::plainPercent).toList();
  }

  static String millions(long count) {
    return count < 10_000
        ? count(count)
        : String.format(Locale.ROOT, count < 1e7 ? "%.3f M" : "%.1f M", count / 1e6);
  }

  /** A count with thin spaces between thousands. */
  static String count(long count) {
    return String.format(Locale.ROOT, "%,d", count).replace(',', '\u202f');
  }

  static String millis(double millis) {
    return plainMillis(millis) + " ms";
  }

  static String plainMillis(double millis) {
    return String.format(Locale.ROOT, millis < 10 ? "%.2f" : "%.1f", millis);
  }

  static String scientific(double value) {
    return String.format(Locale.ROOT, "%.1e", value).replace("e-0", "e-").replace("e+0", "e");
  }

  /** Three digits that say something; no exponent between a thousandth and ten thousand. */
  static String significant(double value) {
    double size = Math.abs(value);
    if (value == 0 || size >= 1e-3 && size < 1e4) {
      int digits = value == 0 ? 0 : (int) Math.max(0, 2 - Math.floor(Math.log10(size)));
      return String.format(Locale.ROOT, "%." + digits + "f", value);
    }
    return scientific(value);
  }

  private static String plainPercent(double share) {
    return String.format(Locale.ROOT, "%.1f", 100 * share);
  }
}
