package dev.tenon.training.report;

import dev.tenon.training.report.RunReport.ClassAccuracy;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Lists every class with its accuracy, weakest first; long lists start folded. */
record ClassTable(List<ClassAccuracy> classes) {
  private static final int MOST_UNFOLDED = 24;

  void draw(Markup out) {
    if (classes.isEmpty()) {
      return;
    }
    out.leaf("h2", "Classes");
    out.leaf("p", "Right answers among each class's test images, weakest first.", "class", "note");
    classes.stream()
        .collect(Collectors.groupingBy(ClassAccuracy::task, LinkedHashMap::new, Collectors.toList()))
        .forEach((task, members) -> drawTask(out, task, members));
  }

  private static void drawTask(Markup out, String task, List<ClassAccuracy> members) {
    var sorted = members.stream()
        .sorted(Comparator.comparingDouble(ClassAccuracy::share).thenComparing(ClassAccuracy::name)).toList();
    if (members.size() <= MOST_UNFOLDED) {
      out.open("details", "open", "open");
    } else {
      out.open("details");
    }
    var weakest = sorted.getFirst();
    out.open("summary").leaf("b", task);
    out.text(" " + members.size() + " classes, weakest " + weakest.name() + " with "
        + Figures.percent(weakest.share())).close();
    out.open("ul", "class", "classes");
    sorted.forEach(member -> drawClass(out, member));
    out.close().close();
  }

  private static void drawClass(Markup out, ClassAccuracy member) {
    out.open("li").leaf("span", member.name(), "class", "name");
    out.open("span", "class", "bar");
    out.leaf("span", "", "style", String.format(Locale.ROOT, "width:%.1f%%", 100 * member.share())).close();
    out.leaf("span", member.correct() + "/" + member.images(), "class", "of").close();
  }
}
