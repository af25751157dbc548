package dev.tenon.training.report;

import dev.tenon.training.report.RunReport.Curve;
import dev.tenon.training.report.RunReport.Point;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/**
 * Draws curves over epochs as an SVG figure with a legend that names their last values.
 *
 * @param title above the drawing
 * @param note said after the title in lighter type
 * @param percent whether values are shares to be shown as percentages
 */
record LineChart(String title, String note, boolean percent, List<Curve> curves) {
  private static final int WIDTH = 560;
  private static final int HEIGHT = 270;
  private static final int LEFT = 58;
  private static final int RIGHT = 14;
  private static final int TOP = 12;
  private static final int BOTTOM = 44;
  private static final int MOST_POINTS = 400;
  private static final int COLORS = 8;

  void draw(Markup out) {
    var shown = curves.stream().map(this::scaled).filter(curve -> !curve.points().isEmpty()).toList();
    if (shown.isEmpty()) {
      return;
    }
    out.open("figure", "class", "chart").open("figcaption");
    out.leaf("strong", title).text(" " + note).close();
    var x = Axis.covering(0, range(shown, Point::x).getMax(), 8, false);
    var values = range(shown, Point::y);
    var y = Axis.covering(values.getMin(), values.getMax(), 5, true);
    out.open("svg", "viewBox", "0 0 " + WIDTH + " " + HEIGHT, "role", "img", "aria-label", title);
    drawAxes(out, x, y);
    for (int i = 0; i < shown.size(); i++) {
      drawCurve(out, shown.get(i), i % COLORS, x, y);
    }
    out.close();
    drawLegend(out, shown);
    out.close();
  }

  private static DoubleSummaryStatistics range(List<Curve> shown, ToDoubleFunction<Point> coordinate) {
    return shown.stream()
        .flatMap(curve -> curve.points().stream())
        .mapToDouble(coordinate)
        .summaryStatistics();
  }

  private static void drawAxes(Markup out, Axis x, Axis y) {
    out.open("g", "class", "grid");
    for (double mark : y.marks()) {
      var at = number(atY(y, mark));
      out.empty("line", "x1", "" + LEFT, "x2", "" + (WIDTH - RIGHT), "y1", at, "y2", at);
    }
    out.close().open("g", "class", "marks");
    for (double mark : y.marks()) {
      out.leaf("text", y.label(mark),
          "x", "" + (LEFT - 8), "y", number(atY(y, mark) + 4), "text-anchor", "end");
    }
    for (double mark : x.marks()) {
      out.leaf("text", x.label(mark),
          "x", number(atX(x, mark)), "y", "" + (HEIGHT - BOTTOM + 19), "text-anchor", "middle");
    }
    out.leaf("text", "epoch", "x", "" + ((LEFT + WIDTH - RIGHT) / 2), "y", "" + (HEIGHT - 6),
        "text-anchor", "middle");
    out.close();
  }

  private static void drawCurve(Markup out, Curve curve, int color, Axis x, Axis y) {
    var path = new StringBuilder();
    for (Point p : curve.points()) {
      path.append(path.isEmpty() ? 'M' : 'L');
      path.append(number(atX(x, p.x()))).append(' ').append(number(atY(y, p.y())));
    }
    out.empty("path", "class", "line c" + color, "d", path.toString());
    var last = curve.points().getLast();
    out.empty("circle", "class", "dot c" + color,
        "cx", number(atX(x, last.x())), "cy", number(atY(y, last.y())), "r", "3.5");
  }

  private void drawLegend(Markup out, List<Curve> shown) {
    out.open("ul", "class", "legend");
    for (int i = 0; i < shown.size(); i++) {
      double last = shown.get(i).points().getLast().y();
      out.open("li").leaf("span", "", "class", "key c" + i % COLORS).text(shown.get(i).name() + " ");
      out.leaf("b", percent ? Figures.percent(last / 100) : Figures.significant(last)).close();
    }
    out.close();
  }

  /**
   * The curve in the units shown, without values that cannot be drawn, thinned to means of equal
   * stretches.
   */
  private Curve scaled(Curve curve) {
    var points = curve.points().stream().filter(p -> Double.isFinite(p.y())).toList();
    int stretch = Math.ceilDiv(Math.max(points.size(), 1), MOST_POINTS);
    var thinned = new ArrayList<Point>();
    for (int i = 0; i < points.size(); i += stretch) {
      var part = points.subList(i, Math.min(i + stretch, points.size()));
      double y = part.stream().mapToDouble(Point::y).average().orElseThrow();
      thinned.add(new Point(part.getLast().x(), percent ? 100 * y : y));
    }
    return new Curve(curve.name(), thinned);
  }

  private static double atX(Axis x, double value) {
    return LEFT + x.share(value) * (WIDTH - LEFT - RIGHT);
  }

  private static double atY(Axis y, double value) {
    return HEIGHT - BOTTOM - y.share(value) * (HEIGHT - TOP - BOTTOM);
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }
}
