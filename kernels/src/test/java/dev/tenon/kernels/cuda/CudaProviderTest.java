package dev.tenon.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.Backends;
import dev.tenon.engine.Device;
import dev.tenon.engine.TenonException;
import java.util.function.IntSupplier;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;

/** What a machine is told that has no NVIDIA GPU, or none that can be used. */
class CudaProviderTest {
  private static final String LINUX = "Linux amd64";

  private static Driver.Presence driver(int status, IntSupplier version) {
    return new Driver.Presence(true, LINUX, () -> status, version);
  }

  private static int notAsked() {
    throw new AssertionError("the driver must not be asked");
  }

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
  void aLibraryThatIsNotThereIsNotFound() {
    assertThat(NativeCalls.library("/nowhere/libcuda.so.1")).isEmpty();
  }

  @Test
  void aMachineWithoutADriverIsAskedNothingElse() {
    assertThat(new Driver.Presence(false, LINUX, CudaProviderTest::notAsked, CudaProviderTest::notAsked).missing())
        .hasValueSatisfying(reason -> assertThat(reason).contains("no NVIDIA driver is installed", "libcuda.so.1"));
  }

  @Test
  void anotherPlatformIsNamed() {
    assertThat(new Driver.Presence(true, "Linux aarch64", CudaProviderTest::notAsked, CudaProviderTest::notAsked).missing())
        .hasValueSatisfying(reason -> assertThat(reason).contains("Linux aarch64"));
  }

  @Test
  void aDriverWithoutAGpuSaysSo() {
    assertThat(driver(CUresult.CUDA_ERROR_NO_DEVICE, CudaProviderTest::notAsked).missing())
        .hasValue("an NVIDIA driver is installed, but it finds no GPU");
  }

  @Test
  void aDriverThatDoesNotStartSaysWhy() {
    assertThat(driver(CUresult.CUDA_ERROR_SYSTEM_NOT_READY, CudaProviderTest::notAsked).missing()).hasValueSatisfying(
        reason -> assertThat(reason).contains("does not start", "CUDA_ERROR_SYSTEM_NOT_READY"));
  }

  @Test
  void anOldDriverIsNamedWithWhatIsNeeded() {
    assertThat(driver(CUresult.CUDA_SUCCESS, () -> 11_080).missing()).hasValueSatisfying(
        reason -> assertThat(reason).contains("too old", "CUDA 11.8", "12.0 or newer"));
    assertThat(driver(CUresult.CUDA_SUCCESS, () -> 12_000).missing()).isEmpty();
  }

  @Test
  void allOtherDevicesKeepWorking() {
    try (var backend = Backends.open(Device.CPU)) {
      assertThat(backend.describe()).startsWith("cpu");
    }
  }
}
