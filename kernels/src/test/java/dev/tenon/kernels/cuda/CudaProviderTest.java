package dev.tenon.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.Backends;
import dev.tenon.engine.Device;
import dev.tenon.engine.TenonException;
import org.junit.jupiter.api.Test;

/** What a machine without an NVIDIA GPU is told. */
class CudaProviderTest {
  private static void assumeNoDriver() {
    assumeTrue(NativeCalls.find().isEmpty(), "an NVIDIA driver is installed");
  }

  @Test
  void withoutADriverDiscoveryNamesWhatIsMissing() {
    assumeNoDriver();
    assertThat(new CudaProvider().discover()).startsWith("none: no NVIDIA driver is installed").doesNotContain("\n");
  }

  @Test
  void withoutADriverOpeningFailsInOneSentenceWithTheRemedy() {
    assumeNoDriver();
    assertThatThrownBy(() -> Backends.open(Device.parse("cuda:1"))).isInstanceOf(TenonException.class)
        .hasMessageContainingAll("cuda:1", "no NVIDIA driver is installed", "use --device cpu").hasMessageNotContaining("\n");
  }

  @Test
  void allOtherDevicesKeepWorking() {
    try (var backend = Backends.open(Device.CPU)) {
      assertThat(backend.describe()).startsWith("cpu");
    }
  }
}
