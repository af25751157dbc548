package dev.tenon.training.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.training.recipe.Recipe;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.ThrowingConsumer;
import org.junit.jupiter.api.io.TempDir;

/** A run on each OpenCL and NVIDIA device that there is, is the run that it is on the CPU, but for roundoff. */
@Timeout(300)
class DeviceRunTest {
  private static final String DESCENT = "optimizer.kind=sgd";
  private static final String SLOW = "optimizer.lr=0.001";
  /** Products of NVIDIA devices in F32, strictly. */
  private static final String STRICT = "precision=fp32";
  private static final String CPU = "cpu";
  private static final int STEPS = 10;
  private static final long KILLED_AT = 8;
  /**
   * Lengths of the sums that a loss goes through: patches, then in each of two blocks two norms, q·k, softmax, p·v and four products,
   * then the head; and as much again on the way back.
   */
  private static final int LENGTHS = 2 * (8 * 8 * 3 + 2 * (2 * 16 + 8 + 5 + 5 + 3 * 16 + 32) + 2 * 16);

  @TempDir private Path root;
  private TinyRun tiny;

  @BeforeEach
  void writeImages() {
    tiny = TinyRun.create(root);
  }

  /** The first device of each kind but the CPU. */
  private static List<String> devices() {
    return Backends.providers().stream().filter(p -> p.kind() != Device.Kind.CPU && !p.discover().startsWith("none"))
        .map(p -> p.kind().name().toLowerCase(Locale.ROOT)).sorted().toList();
  }

  /** What {@code check} says of every device; skipped where there is none. */
  private static Stream<DynamicTest> onEach(String name, ThrowingConsumer<String> check) {
    assumeFalse(devices().isEmpty(), "no device but the CPU to train on");
    return devices().stream().map(device -> DynamicTest.dynamicTest(name + " on " + device, () -> check.accept(device)));
  }

  private Recipe recipe(String name, String device) {
    return tiny.recipe(name, TinyRun.EMTAL, DESCENT, SLOW, STRICT, "device=" + device);
  }

  /** The loss of each step up to the last that is wanted. */
  private static Map<Long, Double> losses(Recipe recipe, RunFolder.Start start, long last) {
    Map<Long, Double> losses = new TreeMap<>();
    try {
      TinyRun.train(recipe, start, event -> {
        if (event instanceof RunEvent.Stepped step) {
          losses.put(step.step(), step.values().crossEntropy());
          if (step.step() == last) {
            throw new IllegalStateException("killed");
          }
        }
      });
    } catch (IllegalStateException e) {
      assertThat(e).hasMessage("killed");
    }
    return losses;
  }

  /** Each step may add the roundoff of its sums to what the steps before it have left. */
  private static void assertAgree(Map<Long, Double> actual, Map<Long, Double> expected) {
    assertThat(actual).isNotEmpty();
    actual.forEach((step, loss) -> {
      double bound = step * DType.F32.roundoff() * LENGTHS * expected.get(step);
      assertThat(loss).as("loss of step %d", step).isCloseTo(expected.get(step), within(bound));
    });
  }

  @TestFactory
  Stream<DynamicTest> tenStepsAgreeWithTheCpu() {
    return onEach("ten steps", device -> {
      Map<Long, Double> expected = losses(recipe("here-" + device, CPU), RunFolder.Start.FRESH, STEPS);
      assertAgree(losses(recipe("there-" + device, device), RunFolder.Start.FRESH, STEPS), expected);
    });
  }

  @TestFactory
  Stream<DynamicTest> aRunThatIsKilledThereGoesOnOnTheCpu() {
    return onEach("killed", device -> assertMoves(device, CPU));
  }

  @TestFactory
  Stream<DynamicTest> aRunThatIsKilledOnTheCpuGoesOnThere() {
    return onEach("resumed", device -> assertMoves(CPU, device));
  }

  private void assertMoves(String from, String to) {
    String name = from + "-" + to;
    Map<Long, Double> before = losses(recipe(name, from), RunFolder.Start.FRESH, KILLED_AT);
    assertThatThrownBy(() -> losses(recipe(name, from), RunFolder.Start.FRESH, KILLED_AT)).hasMessageContaining("already holds a run");
    Map<Long, Double> after = losses(recipe(name, to), RunFolder.Start.RESUME, KILLED_AT + 4);

    assertThat(before.keySet()).startsWith(1L).endsWith(KILLED_AT);
    assertThat(after.keySet()).doesNotContain(1L).endsWith(KILLED_AT + 4);
    Map<Long, Double> whole = losses(recipe("whole-" + name, CPU), RunFolder.Start.FRESH, KILLED_AT + 4);
    assertAgree(before, whole);
    assertAgree(after, whole);
  }
}
