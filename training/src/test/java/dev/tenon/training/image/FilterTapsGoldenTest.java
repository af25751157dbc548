package dev.tenon.training.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.tenon.engine.Shape;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.engine.io.TensorEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** Holds the weights of both forms of resizing to PyTorch's interpolation, whose antialiasing is Pillow's. */
class FilterTapsGoldenTest {
  @Test
  void weightsAreThoseOfPyTorch() throws IOException {
    Path golden = Path.of(System.getProperty("tenon.golden", "../../shared/golden"));
    Assumptions.assumeTrue(Files.isDirectory(golden), () -> "skipped: no folder " + golden);
    int compared = 0;
    try (Stream<Path> files = Files.list(golden)) {
      for (Path file : files.filter(f -> f.getFileName().toString().startsWith("op_interp_bi")).toList()) {
        compared += compare(file) ? 1 : 0;
      }
    }
    assertThat(compared).isGreaterThanOrEqualTo(8);
  }

  /** Whether the case is of a kind that resizing images has. */
  private static boolean compare(Path file) {
    try (SafetensorsFile tensors = Safetensors.open(file)) {
      String config = tensors.metadata().get("config");
      if (config.contains("\"scale\"") || config.contains("\"align\": true")) {
        return false;
      }
      Interpolation mode = Stream.of(Interpolation.values())
          .filter(i -> config.contains(i.name().toLowerCase(Locale.ROOT)))
          .findFirst()
          .orElseThrow();
      compare(file, tensors.entry("in.x"), tensors.entry("out.y"), mode, config.contains("\"antialias\": true"));
      return true;
    }
  }

  private static void compare(
      Path file, TensorEntry x, TensorEntry y, Interpolation mode, boolean antialias) {
    int[] in = sides(x.shape());
    int[] out = sides(y.shape());
    List<FilterTaps> taps = Stream.of(0, 1)
        .map(i -> antialias
            ? FilterTaps.antialiased(mode, in[i], out[i])
            : FilterTaps.sampled(mode, in[i], out[i]))
        .toList();
    long planes = x.shape().size() / ((long) in[0] * in[1]);
    double bound = 0;
    for (long i = 0; i < x.shape().size(); i++) {
      // The reference is exact but for its storage as a float.
      bound = Math.max(bound, Math.abs(x.valueAt(i)) * 0x1p-23);
    }
    for (long plane = 0; plane < planes; plane++) {
      for (int row = 0; row < out[0]; row++) {
        for (int column = 0; column < out[1]; column++) {
          double value = 0;
          double[] down = taps.get(0).weights()[row];
          double[] across = taps.get(1).weights()[column];
          for (int r = 0; r < down.length; r++) {
            for (int c = 0; c < across.length; c++) {
              long at = (plane * in[0] + taps.get(0).first()[row] + r) * in[1] + taps.get(1).first()[column] + c;
              value += down[r] * across[c] * x.valueAt(at);
            }
          }
          double expected = y.valueAt((plane * out[0] + row) * out[1] + column);
          assertThat(value).as("%s at %d, %d", file.getFileName(), row, column).isCloseTo(expected, within(bound));
        }
      }
    }
  }

  private static int[] sides(Shape shape) {
    return new int[] {(int) shape.dim(shape.rank() - 2), (int) shape.dim(shape.rank() - 1)};
  }
}
