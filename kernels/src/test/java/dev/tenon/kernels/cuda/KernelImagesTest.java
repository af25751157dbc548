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

  /** Code compiled beforehand is known by a hash of all headers, and a driver that compiles is handed those of the list. */
  @Test
  void everyTextAndHeaderIsKnown() throws IOException, URISyntaxException {
    assertThat(KernelImages.TEXTS).isEqualTo(names(".cu"));
    assertThat(KernelImages.HEADERS.stream().map(h -> h.replace(".cuh", ""))).containsExactlyElementsOf(names(".cuh"));
  }

  private static List<String> names(String ending) throws IOException, URISyntaxException {
    Path texts = Path.of(Objects.requireNonNull(KernelImages.class.getResource("gemm.cu")).toURI()).getParent();
    try (var files = Files.list(texts)) {
      return files.map(f -> f.getFileName().toString()).filter(f -> f.endsWith(ending))
          .map(f -> f.substring(0, f.length() - ending.length())).sorted().toList();
    }
  }

  @Test
  void theOutlookNamesTargetAndEveryText() {
    assertThat(new KernelImages("sm_90a", cache).outlook()).startsWith("kernels for sm_90a ").contains(KernelImages.TEXTS)
        .doesNotContain("\n");
  }
}
