package dev.tenon.training.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.tenon.engine.BackendProvider;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.engine.Device;
import dev.tenon.training.recipe.Recipe;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A run on an OpenCL device, where there is one, is the run that it is on the CPU, but for roundoff. */
@Timeout(300)
class OpenClRunTest {
  private static final String DESCENT = "optimizer.kind=sgd";
  private static final String SLOW = "optimizer.lr=0.001";
  private static final int STEPS = 10;
  /**
   * Lengths of the sums that a loss goes through: patches, then in each of two blocks two norms, q·k, softmax, p·v and four products,
   * then the head; and as much again on the way back.
   */
  private static final int LENGTHS = 2 * (8 * 8 * 3 + 2 * (2 * 16 + 8 + 5 + 5 + 3 * 16 + 32) + 2 * 16);

  @TempDir private Path root;
  private TinyRun tiny;

  @BeforeEach
  void writeImages() {
    String devices = Backends.providers().stream().filter(provider -> provider.kind() == Device.Kind.OPENCL)
        .map(BackendProvider::discover).findFirst().orElseThrow();
    assumeFalse(devices.startsWith("none"), () -> "no OpenCL device to train on: " + devices);
    tiny = TinyRun.create(root);
  }

  private Recipe recipe(String name, String device) {
    return tiny.recipe(name, TinyRun.EMTAL, DESCENT, SLOW, "device=" + device);
  }

  /** The loss of each step up to the last that is wanted. */
  private static Map<Long, Double> losses(Recipe recipe, RunFolder.Start start, int last) {
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

  @Test
  void tenStepsAgreeWithTheCpu() {
    Map<Long, Double> expected = losses(recipe("here", "cpu"), RunFolder.Start.FRESH, STEPS);
    assertAgree(losses(recipe("there", "opencl"), RunFolder.Start.FRESH, STEPS), expected);
  }

  /** Each step may add the roundoff of its sums to what the steps before it have left. */
  private static void assertAgree(Map<Long, Double> actual, Map<Long, Double> expected) {
    assertThat(actual).isNotEmpty();
    actual.forEach((step, loss) -> {
      double bound = step * DType.F32.roundoff() * LENGTHS * expected.get(step);
      assertThat(loss).as("loss of step %d", step).isCloseTo(expected.get(step), within(bound));
    });
  }

  @Test
  void aRunThatIsKilledGoesOnOnAnotherDevice() {
    Map<Long, Double> before = losses(recipe("moved", "opencl"), RunFolder.Start.FRESH, 8);
    assertThatThrownBy(() -> losses(recipe("moved", "opencl"), RunFolder.Start.FRESH, 8)).hasMessageContaining("already holds a run");
    Map<Long, Double> after = losses(recipe("moved", "cpu"), RunFolder.Start.RESUME, 12);

    assertThat(before.keySet()).startsWith(1L).endsWith(8L);
    assertThat(after.keySet()).endsWith(12L);
    Map<Long, Double> whole = losses(recipe("whole", "cpu"), RunFolder.Start.FRESH, 12);
    assertAgree(before, whole);
    assertAgree(after, whole);
  }
}
