package dev.tenon.training.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.io.CacheFolder;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.TensorEntry;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command line's promises: exit codes, one line for a failure, nothing on the wrong stream. */
class MainTest {
  @TempDir private Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int tenon(String... args) {
    var environment = Map.of(CacheFolder.VARIABLE, folder.resolve("cache").toString());
    return Main.run(environment, new PrintWriter(out), new PrintWriter(err), args);
  }

  @Test
  void helpOfEveryCommandListsTheExitCodes() {
    for (var command : List.of(new String[] {"--help"}, new String[] {"info", "--help"},
        new String[] {"doctor", "--help"})) {
      out.getBuffer().setLength(0);
      assertThat(tenon(command)).isEqualTo(ExitCode.OK);
      assertThat(out.toString()).contains("Usage: tenon", "Exit codes:", "--stacktrace");
    }
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void wrongCommandLinesAreUsageErrors() {
    assertThat(tenon()).isEqualTo(ExitCode.USAGE);
    assertThat(tenon("inof")).isEqualTo(ExitCode.USAGE);
    assertThat(tenon("info")).isEqualTo(ExitCode.USAGE);
    assertThat(tenon("info", "a", "--bogus")).isEqualTo(ExitCode.USAGE);
    assertThat(out.toString()).isEmpty();
    assertThat(err.toString()).contains("Did you mean", "info", "Missing required parameter");
  }

  @Test
  void completionScriptKnowsTheCommands() {
    assertThat(tenon("generate-completion")).isEqualTo(ExitCode.OK);
    assertThat(out.toString()).contains("tenon", "doctor", "info");
  }

  @Test
  void infoShowsARecipeWithItsDefaults() throws IOException {
    var file = Files.writeString(folder.resolve("mine.yaml"), "schedule: {epochs: 20}\n");

    assertThat(tenon("info", file.toString())).isEqualTo(ExitCode.OK);
    assertThat(out.toString()).contains("name: mine", "  epochs: 20", "  label-smoothing: 0.1");
  }

  @Test
  void infoListsTensors() {
    var file = folder.resolve("w.safetensors");
    Safetensors.write(file, List.of(
        TensorEntry.ofFloats("head.weight", Shape.of(2, 3), new float[6]),
        TensorEntry.ofLongs("steps", Shape.of(), 7)), Map.of("format", "pt"));

    assertThat(tenon("info", file.toString())).isEqualTo(ExitCode.OK);
    assertThat(out.toString())
        .containsPattern("head\\.weight +F32 +\\S*2, ?3\\S* +6\\R")
        .contains("2 tensors, 7 parameters, 32 bytes", "format: pt");
  }

  @Test
  void badInputIsOneLineAndExitCodeOne() throws IOException {
    var notWeights = Files.writeString(folder.resolve("w.safetensors"), "no");
    var absent = folder.resolve("absent.yaml");
    for (var file : List.of(notWeights, absent, folder.resolve("absent.npy"), folder)) {
      err.getBuffer().setLength(0);
      assertThat(tenon("info", file.toString())).isEqualTo(ExitCode.FAILURE);
      assertThat(err.toString().lines()).singleElement().asString()
          .startsWith("tenon: ").contains(file.toString());
    }
    assertThat(out.toString()).isEmpty();
    assertThat(folder.resolve("cache")).doesNotExist();
  }

  @Test
  void faultsOfTheProgramLeaveTheirStackTraceInTheCacheFolder() throws IOException {
    var report = new FailureReport(new CacheFolder(folder.resolve("cache")), false);

    int code = report.answer(new IllegalStateException("two\nlines"), new PrintWriter(err));

    assertThat(code).isEqualTo(ExitCode.FAULT);
    assertThat(err.toString().lines()).singleElement().asString().contains("two lines");
    try (var files = Files.list(folder.resolve("cache"))) {
      assertThat(files).singleElement().satisfies(file -> {
        assertThat(err.toString()).contains(file.toString());
        assertThat(Files.readString(file)).contains("IllegalStateException", "\tat ");
      });
    }
  }

  @Test
  void aCacheFolderThatCannotBeWrittenIsSaid() throws IOException {
    var notAFolder = Files.writeString(folder.resolve("file"), "");
    var report = new FailureReport(new CacheFolder(notAFolder), false);

    assertThat(report.answer(new IllegalStateException("x"), new PrintWriter(err))).isEqualTo(ExitCode.FAULT);
    assertThat(err.toString()).contains("run again with --stacktrace", notAFolder.toString());
  }

  @Test
  void stackTracesArePrintedOnRequest() {
    assertThat(tenon("info", "absent.npy", "--stacktrace")).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString()).contains(TenonException.class.getName(), "\tat ");
  }

  @Test
  void doctorNamesJdkVectorApiAndCache() {
    assertThat(tenon("doctor")).isEqualTo(ExitCode.OK);
    var cache = folder.resolve("cache").toString();
    assertThat(out.toString()).contains("JDK", "Vector API", "cores", "memory", "cpu", "cuda", cache);
  }

  @Test
  void tuningADeviceWithoutVariantsSaysWhichHaveThem() {
    assertThat(tenon("tune", "--device", "cuda")).isEqualTo(ExitCode.FAILURE);
    assertThat(err.toString().lines()).singleElement().asString().contains("has nothing to tune", "--device cpu", "--device opencl:0");
  }

  @Test
  void cacheFolderFollowsTheEnvironment() {
    var both = Map.of("TENON_CACHE", "/a", "XDG_CACHE_HOME", "/b");
    assertThat(CacheFolder.of(both).path()).isEqualTo(Path.of("/a"));
    assertThat(CacheFolder.of(Map.of("XDG_CACHE_HOME", "/b")).path()).isEqualTo(Path.of("/b/tenon"));
    assertThat(CacheFolder.of(Map.of()).path()).asString().endsWith(Path.of(".cache", "tenon").toString());
  }
}
