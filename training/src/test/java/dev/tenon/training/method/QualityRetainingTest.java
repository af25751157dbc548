package dev.tenon.training.method;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.tenon.engine.DType;
import dev.tenon.engine.HostBackend;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.engine.io.TensorEntry;
import dev.tenon.training.recipe.RetainingSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The distillation term against the reference implementation's own numbers, and what must hold by construction. */
class QualityRetainingTest {
  private static final Path GOLDEN = Path.of(System.getProperty("tenon.golden", "../../shared/golden"));

  private static RetainingSpec spec(RetainingSpec.Mode mode) {
    return new RetainingSpec(mode, 2, 0.5, 0.95, 10, 1e-3);
  }

  private static double[] values(SafetensorsFile file, String name) {
    TensorEntry entry = file.entry(name);
    double[] values = new double[Math.toIntExact(entry.shape().size())];
    Arrays.setAll(values, entry::valueAt);
    return values;
  }

  @ParameterizedTest
  @ValueSource(strings = {"1sample", "2sample", "2sample_dup"})
  void agreesWithTheReference(String variant) throws Exception {
    Path path = GOLDEN.resolve("emtal_qr_loss_" + variant + ".safetensors");
    assumeTrue(Files.exists(path), "the golden cases are not here: set -Dtenon.golden to run this");
    try (var file = Safetensors.open(path); var backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      JsonNode config = new JsonMapper().readTree(file.metadata().get("config"));
      int steps = (int) file.entry("in.logits").shape().dim(0);
      int batch = (int) file.entry("in.logits").shape().dim(1);
      int classes = (int) file.entry("in.logits").shape().dim(2);
      int tasks = config.get("classes").size();
      var mode = config.get("type").asText().equals("2sample") ? RetainingSpec.Mode.TWO_SAMPLE : RetainingSpec.Mode.ONE_SAMPLE;
      var retaining = new QualityRetaining(spec(mode), classes, tasks);
      double[] logits = values(file, "in.logits");
      double[] target = values(file, "in.target");
      double[] cotangent = values(file, "in.cotangent");
      double[] loss = values(file, "out.loss_dis");
      double[] taskLoss = values(file, "out.task_loss");
      double[] gradient = values(file, "grad.in.logits");
      for (int t = 0; t < steps; t++) {
        int[] labels = Arrays.stream(target, t * batch, (t + 1) * batch).mapToInt(v -> (int) v).toArray();
        int[] taskOf = Arrays.stream(labels).map(l -> taskOf(config.get("class_bases"), l)).toArray();
        int size = batch * classes;
        double[] rows = Arrays.copyOfRange(logits, t * size, (t + 1) * size);
        Tensor z = Tensor.of(DType.F64, Shape.of(batch, classes), rows).withGrad();
        try (Tape tape = Tape.record()) {
          Tensor term = retaining.step(z, new QualityRetaining.Targets(labels, taskOf));
          assertThat(term.item()).isCloseTo(loss[t], within(1e-6 * Math.abs(loss[t]) + 1e-7));
          double[] grad = tape.backward(term.mul(cotangent[t])).of(z).toDoubles();
          double scale = Arrays.stream(gradient).map(Math::abs).max().orElseThrow();
          for (int i = 0; i < size; i++) {
            assertThat(grad[i]).isCloseTo(gradient[t * size + i], within(1e-6 * scale));
          }
        }
        for (int k = 0; k < tasks; k++) {
          assertThat(retaining.taskLoss()[k]).isCloseTo(taskLoss[t * tasks + k], within(1e-6 * taskLoss[t * tasks + k]));
        }
      }
      double[] bank = values(file, "out.bank");
      double largest = Arrays.stream(logits).map(Math::abs).max().orElseThrow();
      for (int i = 0; i < bank.length; i++) {
        // The bank is kept in f32: each step rounds a value no larger than the largest logit once, and so does the recording.
        assertThat((double) retaining.bank()[i]).isCloseTo(bank[i], within((steps + 1) * 0x1p-24 * largest));
      }
    }
  }

  private static int taskOf(JsonNode bases, int label) {
    int task = 0;
    while (bases.get(task + 1).asInt() <= label) {
      task++;
    }
    return task;
  }

  @Test
  void aStudentThatRepeatsItsBankLosesNothing() {
    try (var backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      var retaining = new QualityRetaining(spec(RetainingSpec.Mode.TWO_SAMPLE), 3, 2);
      var targets = new QualityRetaining.Targets(new int[] {0, 2}, new int[] {0, 1});
      Tensor z = Tensor.of(DType.F64, Shape.of(2, 3), 1, -2, 0.5, 0.25, 3, -1).withGrad();
      retaining.step(z, targets);
      retaining.step(z, targets);
      try (Tape tape = Tape.record()) {
        Tensor term = retaining.step(z, targets);
        double[] grad = tape.backward(term).of(z).toDoubles();
        assertThat(term.item()).isCloseTo(0, within(64 * 0x1p-53));
        assertThat(Arrays.stream(grad).map(Math::abs).max()).hasValueCloseTo(0.0, within(64 * 0x1p-53));
      }
    }
  }

  @Test
  void aSavedStateContinuesWithTheSameNumbers() {
    try (var backend = HostBackend.reference(); Scope _ = Scope.open(backend)) {
      var targets = new QualityRetaining.Targets(new int[] {1, 1}, new int[] {0, 0});
      Tensor z = Tensor.of(DType.F32, Shape.of(2, 2), 0.1, 0.2, -0.3, 0.4);
      var first = new QualityRetaining(spec(RetainingSpec.Mode.ONE_SAMPLE), 2, 1);
      first.step(z, targets);
      var second = new QualityRetaining(spec(RetainingSpec.Mode.ONE_SAMPLE), 2, 1);
      second.restore(first.bank(), first.taskLoss());
      assertThat(second.step(z, targets).item()).isEqualTo(first.step(z, targets).item());
      assertThat(second.bank()).containsExactly(first.bank());
    }
  }

  @Test
  void theRouterFadesLinearlyToExactlyOne() {
    var fade = new RouterFade(0, 0.5, 7 * 110);
    assertThat(fade.alpha(0)).isZero();
    assertThat(fade.alpha(50)).isEqualTo(2.0 * 50 / 770);
    assertThat(fade.alpha(384)).isLessThan(1);
    assertThat(fade.alpha(385)).isEqualTo(1);
    assertThat(fade.alpha(769)).isEqualTo(1);
  }
}
