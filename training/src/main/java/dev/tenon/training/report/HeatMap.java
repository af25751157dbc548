package dev.tenon.training.report;

import java.util.List;
import java.util.Locale;

/**
 * Draws how much of the routing each expert of each block receives.
 *
 * @param shares {@code [block][expert]}
 */
record HeatMap(List<List<Double>> shares) {
  private static final int WIDTH = 960;
  private static final int LEFT = 70;
  private static final int ROW = 26;
  private static final int TOP = 24;
  private static final int MOST_NUMBERED = 16;

  void draw(Markup out) {
    int experts = shares.getFirst().size();
    double greatest = shares.stream().flatMap(List::stream).mapToDouble(s -> s).max().orElseThrow();
    double cell = (WIDTH - LEFT) / (double) experts;
    int height = TOP + ROW * shares.size();
    out.open("div", "class", "wide");
    out.open("svg", "class", "heat", "viewBox", "0 0 " + WIDTH + " " + height,
        "role", "img", "aria-label", "Routing share of each expert in each block");
    for (int e = 0; e < experts; e += Math.ceilDiv(experts, 32)) {
      out.leaf("text", Integer.toString(e + 1),
          "x", number(LEFT + (e + 0.5) * cell), "y", "" + (TOP - 8), "text-anchor", "middle");
    }
    for (int b = 0; b < shares.size(); b++) {
      int y = TOP + ROW * b;
      out.leaf("text", "block " + (b + 1), "x", "" + (LEFT - 10), "y", "" + (y + 17), "text-anchor", "end");
      for (int e = 0; e < experts; e++) {
        drawCell(out, b, e, LEFT + e * cell, y, cell, shares.get(b).get(e) / greatest);
      }
    }
    out.close().close();
  }

  private void drawCell(Markup out, int block, int expert, double x, int y, double width, double strength) {
    double share = shares.get(block).get(expert);
    var percent = String.format(Locale.ROOT, "%.1f", 100 * share);
    out.open("g");
    out.leaf("title", "block " + (block + 1) + ", expert " + (expert + 1) + ": " + percent + " %");
    out.empty("rect", "x", number(x + 1), "y", "" + (y + 1),
        "width", number(width - 2), "height", "" + (ROW - 2), "rx", "2",
        "fill-opacity", String.format(Locale.ROOT, "%.3f", 0.06 + 0.94 * strength * strength));
    if (shares.get(block).size() <= MOST_NUMBERED) {
      out.leaf("text", percent, "class", strength > 0.75 ? "on" : "off",
          "x", number(x + width / 2), "y", "" + (y + 17), "text-anchor", "middle");
    }
    out.close();
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }
}
