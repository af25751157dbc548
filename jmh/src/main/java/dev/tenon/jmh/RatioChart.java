package dev.tenon.jmh;

import java.util.Formatter;
import java.util.List;
import java.util.Locale;

/** Ratios as horizontal bars on a logarithmic scale around 1, as SVG. */
record RatioChart(List<Verdict> verdicts) {
  private static final int ROW = 16;
  private static final int LABEL = 330;
  private static final int DECADE = 230;
  private static final int TOP = 30;
  /** For the number of a bar that ends at the rim. */
  private static final int NUMBER = 60;
  private static final int LEFT = LABEL + 30;
  private static final int WIDTH = LEFT + 2 * DECADE + NUMBER;
  private static final List<Double> MARKS = List.of(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0);

  @Override
  public String toString() {
    int height = TOP + ROW * verdicts.size() + 8;
    Formatter svg = new Formatter(Locale.ROOT);
    svg.format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"11\">%n",
        WIDTH, height);
    svg.format("<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>%n", WIDTH, height);
    for (double mark : MARKS) {
      svg.format("<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"%s\"/>%n", x(mark), x(mark), TOP - 8, height - 4,
          mark == 1 ? "#333" : "#ddd");
      svg.format("<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%sx</text>%n", x(mark), TOP - 14,
          mark < 1 ? "" + mark : "" + (int) mark);
    }
    for (int i = 0; i < verdicts.size(); i++) {
      bar(svg, verdicts.get(i), TOP + ROW * i);
    }
    return svg + "</svg>\n";
  }

  private static void bar(Formatter svg, Verdict v, int y) {
    svg.format("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s, %d, against %s</text>%n", LABEL - 6, y + 11,
        v.work(), v.threads(), v.against());
    double from = Math.min(x(1), x(v.ratio()));
    String color = v.least() == 0 ? "#8a94a6" : v.isMissed() ? "#c8553d" : "#3a7d5d";
    svg.format("<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>%n", from, y + 2,
        Math.abs(x(v.ratio()) - x(1)), ROW - 5, color);
    svg.format("<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%.2f</text>%n", x(v.ratio()) + (v.ratio() < 1 ? -4 : 4), y + 11,
        v.ratio() < 1 ? "end" : "start", v.ratio());
  }

  /** Ratios beyond a tenth and ten end at the rim; the number tells. */
  private static double x(double ratio) {
    return LEFT + DECADE * (1 + Math.log10(Math.clamp(ratio, 0.1, 10)));
  }
}
