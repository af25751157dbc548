package dev.tenon.training.report;

import java.util.List;

/**
 * Writes the page's tables, which all have a name, one figure about the row, one figure a task and a last
 * one.
 */
final class Table {
  private final Markup out;

  Table(Markup out) {
    this.out = out;
  }

  void begin(String name, String figure, List<String> tasks, String last) {
    out.open("div", "class", "wide").open("table").open("thead").open("tr");
    out.leaf("th", name).leaf("th", figure);
    tasks.forEach(task -> out.leaf("th", task));
    out.leaf("th", last).close().close().open("tbody");
  }

  void row(String style, String name, String figure, List<String> tasks, String last, boolean strong) {
    out.open("tr", "class", style).leaf("th", name, "scope", "row").leaf("td", figure);
    tasks.forEach(task -> out.leaf("td", task));
    out.leaf("td", last, "class", strong ? "best" : "last").close();
  }

  void end() {
    out.close().close().close();
  }
}
