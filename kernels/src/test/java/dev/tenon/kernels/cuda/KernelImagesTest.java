package dev.tenon.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is said of the kernels' code before any is loaded. */
class KernelImagesTest {
  @TempDir private Path cache;

  @Test
  void everyTextIsKnown() throws IOException, URISyntaxException {
    Path texts = Path.of(Objects.requireNonNull(KernelImages.class.getResource("gemm.cu")).toURI()).getParent();
    try (var files = Files.list(texts)) {
      List<String> names = files.map(f -> f.getFileName().toString()).filter(f -> f.endsWith(".cu"))
          .map(f -> f.substring(0, f.length() - 3)).sorted().toList();
      assertThat(KernelImages.TEXTS).isEqualTo(names);
    }
  }

  @Test
  void theOutlookNamesTargetAndEveryText() {
    assertThat(new KernelImages("sm_90a", cache).outlook()).startsWith("kernels for sm_90a ").contains(KernelImages.TEXTS)
        .doesNotContain("\n");
  }
}
