package dev.tenon.training.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A resumed run's log must be the log of a run that was never interrupted. */
class MetricsLogTest {
  @TempDir private Path folder;

  @Test
  void linesAreOnDiskAtOnceInOrderOfTheirKeys() throws IOException {
    var file = folder.resolve("metrics.jsonl");
    try (var log = MetricsLog.create(file)) {
      log.write(1, Map.of("loss", 0.25));
      assertThat(file).hasContent("{\"step\":1,\"loss\":0.25}\n");
      log.write(2, Map.of("loss", Double.NaN));
      assertThat(Files.readAllLines(file)).last().isEqualTo("{\"step\":2,\"loss\":\"NaN\"}");
    }
  }

  @Property(tries = 50)
  void resumingAfterAnyStepAndAnyCutGivesTheUninterruptedLog(
      @ForAll @IntRange(min = 0, max = 9) int step, @ForAll @IntRange(max = 30) int cut) throws IOException {
    var temporary = Files.createTempDirectory("metrics");
    var whole = temporary.resolve("whole.jsonl");
    write(MetricsLog.create(whole), 1, 9);
    var resumed = temporary.resolve("resumed.jsonl");
    write(MetricsLog.create(resumed), 1, step);
    var unfinished = "{\"step\":" + (step + 1) + ",\"loss\":1234567";
    Files.writeString(
        resumed, unfinished.substring(0, Math.min(cut, unfinished.length())), StandardOpenOption.APPEND);

    write(MetricsLog.resume(resumed, step), step + 1, 9);

    assertThat(resumed).hasSameTextualContentAs(whole);
    Files.delete(whole);
    Files.delete(resumed);
    Files.delete(temporary);
  }

  private static void write(MetricsLog log, int from, int to) {
    try (log) {
      for (int step = from; step <= to; step++) {
        log.write(step, Map.of("loss", 1.0 / step));
      }
    }
  }

  @Test
  void laterLinesAreCutOff() throws IOException {
    var file = folder.resolve("metrics.jsonl");
    write(MetricsLog.create(file), 1, 5);

    MetricsLog.resume(file, 3).close();

    assertThat(Files.readAllLines(file)).hasSize(3).last().asString().startsWith("{\"step\":3,");
  }

  @Test
  void missingFolderIsOneSentence() {
    assertThatThrownBy(() -> MetricsLog.create(folder.resolve("absent").resolve("m.jsonl")))
        .isInstanceOf(TenonException.class)
        .hasMessageContainingAll("m.jsonl", "check the folder");
  }
}
