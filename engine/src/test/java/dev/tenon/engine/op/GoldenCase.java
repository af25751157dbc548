package dev.tenon.engine.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Gradients;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.engine.io.TensorEntry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;

/** A recorded computation of the reference: its operands as float64 leaves, and the results and gradients to hold ours against. */
record GoldenCase(SafetensorsFile file, Map<String, Tensor> leaves) implements AutoCloseable {
  static GoldenCase open(String name) {
    Path path = Path.of(System.getProperty("tenon.golden", "../../shared/golden"), name + ".safetensors");
    Assumptions.assumeTrue(Files.exists(path), () -> "no recorded case " + path);
    return new GoldenCase(Safetensors.open(path), new HashMap<>());
  }

  boolean has(String name) {
    return file.names().contains(name);
  }

  /** The leaf of this name, which gradients are computed for. */
  Tensor leaf(String name) {
    return leaves.computeIfAbsent(name, n -> read(n).withGrad());
  }

  Tensor read(String name) {
    TensorEntry entry = file.entry(name);
    double[] values = new double[(int) entry.shape().size()];
    Arrays.setAll(values, entry::valueAt);
    return Tensor.of(DType.F64, entry.shape(), values);
  }

  /** One or two integers of the configuration, the latter as [h, w]; {@code otherwise} where it does not name {@code key}. */
  int[] pair(String key, int otherwise) {
    Matcher m = Pattern.compile("\"" + key + "\": \\[?(\\d+)(?:, (\\d+))?").matcher(file.metadata().get("config"));
    if (!m.find()) {
      return new int[] {otherwise, otherwise};
    }
    int first = Integer.parseInt(m.group(1));
    return new int[] {first, m.group(2) == null ? first : Integer.parseInt(m.group(2))};
  }

  boolean flag(String key) {
    return file.metadata().get("config").contains("\"" + key + "\": true");
  }

  String text(String key) {
    Matcher m = Pattern.compile("\"" + key + "\": \"([^\"]*)\"").matcher(file.metadata().get("config"));
    return m.find() ? m.group(1) : "";
  }

  /** Checks {@code out.*} and every {@code grad.*} of a leaf; the outputs are computed on {@code tape}. */
  void check(Tape tape, Map<String, Tensor> outputs) {
    Map<Tensor, Tensor> seeds = new HashMap<>();
    outputs.forEach((name, y) -> {
      close("out." + name, y);
      String cotangent = has("in.cotangent." + name) ? "in.cotangent." + name : "in.cotangent";
      seeds.put(y, read(cotangent));
    });
    Gradients gradients = tape.backward(seeds);
    leaves.forEach((name, leaf) -> close("grad." + name, gradients.of(leaf)));
  }

  /** Compares with what was recorded, which was computed in float64 and rounded to float32. */
  void close(String name, Tensor actual) {
    Tensor expected = read(name);
    assertThat(actual.shape()).as(name).isEqualTo(expected.shape());
    double[] e = expected.toDoubles();
    double bound = 0x1p-23 * Arrays.stream(e).map(Math::abs).max().orElse(0);
    assertThat(actual.toDoubles()).as(name).containsExactly(e, within(bound));
  }

  @Override
  public void close() {
    file.close();
  }
}
