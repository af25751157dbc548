package dev.tenon.training.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.tenon.engine.io.CacheFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands from end to end: a recipe in, a run out, and what it left measured again. */
class TrainAndEvalTest {
  @TempDir private Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int tenon(String... args) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    var environment = Map.of(CacheFolder.VARIABLE, folder.resolve("cache").toString());
    return Main.run(environment, new PrintWriter(out), new PrintWriter(err), args);
  }

  private String recipe() throws IOException {
    return Files.writeString(folder.resolve("demo.yaml"), """
        model: {format: none, image-size: 16, patch: 8, dim: 16, depth: 1, heads: 2, mlp-ratio: 2}
        data: {source: demo, tasks: [pair], shots: 4, batch-size: 8}
        method: {kind: lora, rank: 2}
        schedule: {epochs: 2, warmup-epochs: 1, cooldown-epochs: 0}
        output: {dir: "%s"}
        """.formatted(folder.resolve("run"))).toString();
  }

  @Test
  void trainLeavesAModelThatEvalMeasuresAlike() throws IOException {
    assertThat(tenon("train", recipe())).isEqualTo(ExitCode.OK);
    assertThat(out.toString()).contains("pair", "mean", "merged:", "report: " + folder.resolve("run/report.html"));
    String accuracy = accuracy();

    assertThat(tenon("eval", folder.resolve("run").toString())).isEqualTo(ExitCode.OK);
    assertThat(accuracy()).isEqualTo(accuracy);

    assertThat(tenon("eval", folder.resolve("run/model.safetensors").toString(), "--json")).isEqualTo(ExitCode.OK);
    var json = new JsonMapper().readTree(out.toString());
    assertThat(json.path("tasks").path(0).path("images").asInt()).isEqualTo(400);
    assertThat(String.format(Locale.ROOT, "%.1f", 100 * json.path("mean").asDouble())).isEqualTo(accuracy);
  }

  /** The first percentage of the task's line in a table. */
  private String accuracy() {
    return out.toString().replaceAll("(?s).*\\npair +4 +400 +([0-9.]+) %.*", "$1");
  }

  @Test
  void whatCannotBeDoneIsOneSentence() throws IOException {
    assertThat(tenon("train", recipe(), "--resume")).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString().lines()).singleElement().asString().startsWith("tenon: ").contains("no run to resume");
    assertThat(tenon("train", recipe(), "--resume", "--overwrite")).isEqualTo(ExitCode.USAGE);
    assertThat(tenon("train", recipe(), "--set", "precision=bf16")).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString().lines()).singleElement().asString().contains("fp32");
    assertThat(tenon("eval", folder.resolve("absent").toString())).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString().lines()).singleElement().asString().contains("--recipe or --data");
    assertThat(folder.resolve("run")).doesNotExist();
  }
}
