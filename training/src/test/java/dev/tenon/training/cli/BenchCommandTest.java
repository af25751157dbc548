package dev.tenon.training.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.tenon.engine.io.CacheFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The table of speeds: what it prints, what it writes, what it refuses. */
class BenchCommandTest {
  @TempDir private Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int bench(String... arguments) {
    String[] all = new String[arguments.length + 1];
    all[0] = "bench";
    System.arraycopy(arguments, 0, all, 1, arguments.length);
    return Main.run(Map.of(CacheFolder.VARIABLE, folder.toString()), new PrintWriter(out), new PrintWriter(err), all);
  }

  @Test
  void rowsAreCheckedTimedAndWritten() throws IOException {
    Path file = folder.resolve("figures.json");
    assertThat(bench("--batch", "1", "--seconds", "0.01", "--only", "^(softmax|affinity-1x2)", "--json", file.toString()))
        .as(out.toString() + err).isEqualTo(ExitCode.OK);
    assertThat(out.toString())
        .contains("TFLOP/s (its largest product)", "% of peak", "softmax-2364x197-fp32", "affinity-1x2x128x32x64-fp32")
        .doesNotContain("WRONG", "reference");
    JsonNode measured = new JsonMapper().readTree(file.toFile()).get("measured").get(0);
    assertThat(measured.get("rows")).hasSize(2).allSatisfy(row -> {
      assertThat(row.get("micros").asDouble()).isPositive();
      assertThat(row.get("share_of_peak").asDouble()).isPositive();
      assertThat(row.get("micros").asDouble() * row.get("gbytes_per_second").asDouble() * 1e3)
          .isCloseTo(row.get("bytes").asDouble(), withPercentage(1e-6));
    });
  }

  @Test
  void aPatternThatMatchesNothingIsAnsweredWithTheNames() {
    assertThat(bench("--only", "no such row")).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString()).contains("no row of the table matches", "softmax").doesNotContain("\n\n");
  }

  @Test
  void aPatternThatIsNoneIsAUsageError() {
    assertThat(bench("--only", "(")).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains("--only is not a regular expression");
  }
}
