package dev.tenon.kernels.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What was found fastest on a device is kept for it, and what cannot be used is refused. */
class ClTuningTest {
  @TempDir private Path folder;
  private Path file;

  @BeforeEach
  void nameFile() {
    file = folder.resolve("tuning").resolve("device.properties");
  }

  @Test
  void withoutAFileTheDefaultsHold() {
    assertThat(ClTuning.read(file)).isEqualTo(ClTuning.DEFAULT);
  }

  @Test
  void choicesAreReadAsTheyWereWritten() throws IOException {
    ClTuning tuning = new ClTuning(ClTuning.Gemm.ALL.getLast(), ClTuning.ROWS.getLast(), ClTuning.Attention.ALL.getLast(),
        ClTuning.TILED.getLast());
    ClTuning.DEFAULT.write(file);
    tuning.write(file);

    assertThat(ClTuning.read(file)).isEqualTo(tuning);
    try (var files = Files.list(file.getParent())) {
      assertThat(files).as("files left behind").containsExactly(file);
    }
  }

  @Test
  void whatIsNoCandidateIsRefusedWithTheRemedy() throws IOException {
    ClTuning.DEFAULT.write(file);
    Files.writeString(file, Files.readString(file).replace("gemm=128x8", "gemm=100x8"));
    assertThatThrownBy(() -> ClTuning.read(file)).isInstanceOf(TenonException.class)
        .hasMessageContainingAll(file.toString(), "gemm is '100x8'", "128x8", "delete it, or run tenon tune again");
  }

  @Test
  void aChoiceThatAFileDoesNotKnowOfIsTheDefault() throws IOException {
    ClTuning.DEFAULT.withTiled(false).write(file);
    assertThat(ClTuning.read(file).tiled()).isFalse();
    Files.writeString(file, Files.readString(file).replace("tiled=false", ""));
    assertThat(ClTuning.read(file)).isEqualTo(ClTuning.DEFAULT);
  }

  @Test
  void aFileThatIsNoTextIsRefused() throws IOException {
    Files.createDirectories(file.getParent());
    Files.write(file, new byte[] {'g', (byte) 0xff, (byte) 0xfe});
    assertThatThrownBy(() -> ClTuning.read(file)).isInstanceOf(TenonException.class).hasMessageContaining(file.toString());
  }

  @Test
  void aDeviceIsTunedToOneOfTheCandidates() {
    assumeTrue(ClDevice.missing().isEmpty(), () -> "no OpenCL device: " + ClDevice.missing().orElseThrow());
    ClDevice device = ClDevice.all().getFirst();
    ClTuner tuner = new ClTuner(device);
    tuner.tune().write(file);

    ClTuning tuning = ClTuning.read(file);
    assertThat(ClTuning.ROWS).contains(tuning.rows());
    assertThat(ClTuning.Gemm.ALL).contains(tuning.gemm());
    assertThat(tuner.report()).isNotEmpty().allMatch(line -> line.contains("µs"));
  }
}
