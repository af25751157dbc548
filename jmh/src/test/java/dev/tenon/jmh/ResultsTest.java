package dev.tenon.jmh;

import static dev.tenon.jmh.Measured.timing;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Results survive the disk, and rows measured at different times come together as one table. */
class ResultsTest {
  @TempDir private Path folder;

  @Test
  void whatIsSavedIsRead() {
    Results results = Measured.at("2026-01-02T03:04:05Z", timing("op softmax", "tenon", 1, 1.25, 1.5), timing("gelu", "pytorch", 2, 3));

    results.save(folder);

    assertThat(results.file(folder)).exists();
    assertThat(Results.read(results.file(folder))).isEqualTo(results);
    assertThat(Results.of(Measured.MACHINE, folder)).containsExactly(results);
  }

  @Test
  void theNewestComeFirst() {
    Results old = Measured.at("2026-01-02T03:04:05Z");
    Results young = Measured.at("2026-02-01T00:00:00Z");
    young.save(folder);
    old.save(folder);

    assertThat(Results.of(Measured.MACHINE, folder)).containsExactly(young, old);
  }

  @Test
  void aBrokenFileIsNamed() throws IOException {
    Path file = Files.writeString(folder.resolve("broken.json"), "{\"machine\": 3");

    assertThatThrownBy(() -> Results.read(file)).isInstanceOf(TenonException.class).hasMessageContaining("broken.json");
  }

  @Test
  void aRowMeasuredAgainReplacesTheOldOneWithItsPeers() {
    Results all = Measured.at("2026-01-01T00:00:00Z", timing("gelu", "tenon", 1, 10), timing("gelu", "pytorch", 1, 8),
        timing("softmax", "tenon", 1, 5), timing("softmax", "pytorch", 1, 5));
    Results again = Measured.at("2026-01-02T00:00:00Z", timing("gelu", "tenon", 1, 4), timing("gelu", "pytorch", 1, 9));

    Results merged = Results.merged(List.of(again, all), List.of("softmax", "gelu"));

    assertThat(merged.timings()).containsExactly(
        timing("softmax", "tenon", 1, 5), timing("softmax", "pytorch", 1, 5), timing("gelu", "tenon", 1, 4),
        timing("gelu", "pytorch", 1, 9));
    assertThat(merged.command()).isEqualTo(all.command() + "\n" + again.command());
  }

  @Test
  void aRowMeasuredWithoutPeersReplacesNothing() {
    Results all = Measured.at("2026-01-01T00:00:00Z", timing("gelu", "tenon", 1, 10), timing("gelu", "pytorch", 1, 8));
    Results alone = Measured.at("2026-01-02T00:00:00Z", timing("gelu", "tenon", 1, 4));

    assertThat(Results.merged(List.of(alone, all), List.of("gelu")).timings()).isEqualTo(all.timings());
  }
}
