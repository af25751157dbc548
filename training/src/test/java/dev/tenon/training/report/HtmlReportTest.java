package dev.tenon.training.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.TenonException;
import dev.tenon.training.report.RunReport.Curve;
import dev.tenon.training.report.RunReport.Point;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import javax.xml.parsers.DocumentBuilderFactory;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

/** The page must be well-formed, need nothing outside itself, and show what it was given. */
class HtmlReportTest {
  @TempDir private Path folder;

  private Document page(RunReport run) throws Exception {
    var file = folder.resolve("report.html");
    HtmlReport.write(file, run);
    var text = Files.readString(file);
    assertThat(text).startsWith("<!DOCTYPE html>\n").doesNotContain("http://", "https://", "<script");
    // Browsers do not decode entities inside a style, so the style must not need any.
    assertThat(text.substring(text.indexOf("<style>"), text.indexOf("</style>"))).doesNotContain("&");
    return parse(text.substring(text.indexOf('\n')));
  }

  private static Document parse(String xml) throws Exception {
    var source = new InputSource(new StringReader(xml));
    return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(source);
  }

  @Test
  void fullReportIsWellFormedAndComplete() throws Exception {
    var run = SampleRun.report();
    var page = page(run);

    assertThat(page.getElementsByTagName("img").getLength()).isEqualTo(run.samples().size());
    assertThat(page.getElementsByTagName("svg").getLength()).isEqualTo(6);
    var text = page.getDocumentElement().getTextContent();
    assertThat(text).contains("emtal-real-cpu", "flowers17", "EMTAL, rank 4", "5\u202f539\u202f856", "6.7e-6",
        "class <3> & co", "block 12", "label-smoothing: 0.1");
    try (var files = Files.list(folder)) {
      assertThat(files).hasSize(1);
    }
  }

  @Test
  void partsWithoutDataAreLeftOut() throws Exception {
    var page = page(new RunReport(
        "empty", "Nothing ran.", List.of(), List.of(), List.of(), List.of(), List.of(), Optional.empty(),
        Optional.empty(), List.of(), List.of(), List.of(), Optional.empty(), List.of(), ""));

    for (var tag : List.of("svg", "table", "img", "details")) {
      assertThat(page.getElementsByTagName(tag).getLength()).as(tag).isZero();
    }
  }

  @Test
  void curvesOfOnePointOrNoNumbersAreDrawnOrLeftOut() throws Exception {
    var out = new Markup();
    out.open("div");
    new LineChart("a", "", true, List.of(new Curve("one", List.of(new Point(3, 0.5))))).draw(out);
    new LineChart("b", "", false, List.of(new Curve("none", List.of(new Point(3, Double.NaN))))).draw(out);
    out.close();

    assertThat(parse(out.toString()).getElementsByTagName("svg").getLength()).isEqualTo(1);
    assertThat(out.toString()).contains("50.0 %").doesNotContain("NaN");
  }

  @Test
  void unwritableTargetIsOneSentenceAndLeavesNothing() {
    var target = folder.resolve("absent").resolve("report.html");

    assertThatThrownBy(() -> HtmlReport.write(target, SampleRun.report()))
        .isInstanceOf(TenonException.class).hasMessageContaining(target.toString());
  }

  @Property
  void anyTextStaysWellFormed(@ForAll String text) throws Exception {
    var xml = new Markup().open("p").text(text).leaf("b", "", "title", text).close().toString();

    if (text.chars().noneMatch(c -> Character.isSurrogate((char) c))) {
      assertThat(parse(xml).getDocumentElement().getTagName()).isEqualTo("p");
    }
  }

  @Property
  void axisMarksAreFewAndInside(@ForAll float a, @ForAll float b) {
    double least = Math.min(a, b) / 1e6;
    double greatest = Math.max(a, b) / 1e6;
    var axis = Axis.covering(least, greatest, 5, true);

    assertThat(axis.low()).isLessThanOrEqualTo(least + axis.step() * 1e-6);
    assertThat(axis.high()).isGreaterThanOrEqualTo(greatest - axis.step() * 1e-6);
    assertThat(axis.marks().size()).isBetween(2, 8);
  }
}
