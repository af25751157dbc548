package dev.tenon.jmh;

import static dev.tenon.jmh.Measured.timing;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.TenonException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;

/** The page and the lines on the screen say what was measured. */
class ReportTest {
  private static final Results RESULTS = Measured.at("2026-01-01T00:00:00Z",
      timing("softmax", "tenon", 1, 4000, 5000, 6000), timing("softmax", "pytorch", 1, 2500),
      timing("gelu", "tenon", 1, 1000), timing("gelu", "pytorch", 1, 2000));

  @TempDir private Path folder;

  private String page(Results results, Path... jars) throws IOException {
    Path page = folder.resolve("cpu.md");
    new Report(results, List.of(jars)).write(page);
    return Files.readString(page);
  }

  @Test
  void aMissedAimIsBoldAndNamesItsCommit() throws IOException {
    String page = page(RESULTS);

    assertThat(page).contains("| **softmax** | 1 | 5000 | 2484 | pytorch | 2500 | **0.50** | 1.00 |");
    assertThat(page).contains("| gelu | 1 | 1000 |  | pytorch | 2000 | 2.00 | 1.00 |").contains("| abc1234 |");
    assertThat(page).contains("1 of 2 aims are met.").contains("    measure at 2026-01-01T00:00:00Z");
  }

  @Test
  void theChartIsAnImageBesideThePage() throws Exception {
    page(RESULTS);

    Path chart = folder.resolve("cpu.svg");
    var root = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(chart.toFile()).getDocumentElement();
    assertThat(root.getTagName()).isEqualTo("svg");
    assertThat(Files.readString(chart)).contains("softmax, 1, against pytorch");
  }

  @Test
  void theNumberOfABarThatEndsAtTheRimIsWhole() throws Exception {
    page(Measured.at("2026-01-01T00:00:00Z", timing("gelu", "tenon", 1, 100), timing("gelu", "pytorch", 1, 123_456)));

    var root = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(folder.resolve("cpu.svg").toFile()).getDocumentElement();
    var texts = root.getElementsByTagName("text");
    var number = (Element) texts.item(texts.getLength() - 1);
    assertThat(number.getTextContent()).isEqualTo("1234.56");
    int width = Integer.parseInt(root.getAttribute("viewBox").replaceAll(".* (\\d+) \\d+", "$1"));
    assertThat(Double.parseDouble(number.getAttribute("x")) + 7 * "1234.56".length()).isLessThan(width);
  }

  @Test
  void theJarsAreWeighed() throws IOException {
    Path small = Files.write(folder.resolve("a.jar"), new byte[250_000]);
    Path large = Files.write(folder.resolve("b.jar"), new byte[5_000_000]);

    assertThat(page(RESULTS, small)).contains("have 0.25 MB together; less than 5 MB is the aim.");
    assertThat(page(RESULTS, small, large)).contains("have 5.25 MB together, **too much**");
  }

  @Test
  void whatWasWrittenByHandStays() throws IOException {
    String first = page(RESULTS);
    Files.writeString(folder.resolve("cpu.md"), "Before.\n" + first + "After.\n");

    String second = page(Measured.at("2026-01-02T00:00:00Z", timing("gelu", "tenon", 1, 1000), timing("gelu", "pytorch", 1, 3000)));

    assertThat(second).startsWith("Before.\n# ").endsWith("After.\n").contains("3.00").doesNotContain("softmax");
  }

  @Test
  void aPageThatDoesNotSayWhereResultsBelongIsLeftAlone() throws IOException {
    Path page = Files.writeString(folder.resolve("cpu.md"), "By hand.\n");

    assertThatThrownBy(() -> page(RESULTS)).isInstanceOf(TenonException.class).hasMessageContaining("up to here");
    assertThat(page).hasContent("By hand.");
  }

  @Test
  void withoutPeersThereIsNoPage() {
    assertThatThrownBy(() -> page(Measured.at("2026-01-01T00:00:00Z", timing("gelu", "tenon", 1, 1000))))
        .isInstanceOf(TenonException.class).hasMessageContaining("-Ppeers");
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void aLineHasSpeedAndTheShareOfThePeak() {
    Workload gelu = Catalogue.named("gelu");
    double gigabytes = gelu.cost().bytes() / 1e9;

    String text = printed(table -> table.rows(gelu, RESULTS.timings().subList(2, 4), Measured.PEAK));

    assertThat(text.lines().findFirst().orElseThrow().split("\\s+"))
        .contains("gelu", "tenon", "1000.0", String.format(Locale.ROOT, "%.1f", gigabytes * 1000),
            String.format(Locale.ROOT, "%.0f", 100 * gigabytes * 1000 / 20));
    assertThat(text.lines().skip(1).findFirst().orElseThrow()).contains("pytorch").endsWith("2.00");
  }

  @Test
  void changesAreToldApartFromChance() {
    Results before = Measured.at("2026-01-01T00:00:00Z", timing("gelu", "tenon", 1, 100, 101, 102),
        timing("softmax", "tenon", 1, 50, 51, 52));
    Results now = Measured.at("2026-01-02T00:00:00Z", timing("gelu", "tenon", 1, 201, 202, 203), timing("softmax", "tenon", 1, 49, 51, 54));

    String text = printed(table -> table.changes(List.of(before), now));

    assertThat(text.lines().filter(l -> l.contains("gelu")).toList()).singleElement().asString().contains("SLOWER", "0.50x");
    assertThat(text.lines().filter(l -> l.contains("softmax")).toList()).singleElement().asString().contains("no change to be sure of");
  }

  private static String printed(Consumer<Table> work) {
    var bytes = new ByteArrayOutputStream();
    work.accept(new Table(new PrintStream(bytes, true, StandardCharsets.UTF_8)));
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
