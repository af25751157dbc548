package dev.tenon.kernels.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tenon.engine.Backends;
import dev.tenon.engine.Device;
import dev.tenon.engine.TenonException;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How devices are found and chosen, and what is said where there is none. */
class OpenClProviderTest {
  private static final List<ClDevice> DEVICES = List.of(
      device(0, "0.0", "Portable Computing Language", "pthread-EPYC"), device(1, "1.0", "NVIDIA CUDA", "NVIDIA H100"),
      device(2, "1.1", "NVIDIA CUDA", "NVIDIA A10"));

  private static ClDevice device(int index, String at, String platform, String name) {
    return new ClDevice(null, null, index, at, platform, name, "OpenCL 3.0, driver 1", true, 2, 1L << 30, 1L << 28, 1 << 15, 256, true,
        List.of("cl_khr_fp64"));
  }

  @Test
  void aDeviceIsChosenByIndexPlaceOrName() {
    assertThat(ClDevice.select(DEVICES, "2").index()).isEqualTo(2);
    assertThat(ClDevice.select(DEVICES, "1.0").index()).isEqualTo(1);
    assertThat(ClDevice.select(DEVICES, "h100").index()).isEqualTo(1);
    assertThat(ClDevice.select(DEVICES, "portable").index()).isZero();
  }

  @Test
  void aWordThatMeansNoneOrSeveralIsAnsweredWithTheDevices() {
    assertThatThrownBy(() -> ClDevice.select(DEVICES, "radeon")).isInstanceOf(TenonException.class)
        .hasMessageContainingAll("opencl:radeon does not exist", "opencl:0.0", "NVIDIA A10");
    assertThatThrownBy(() -> ClDevice.select(DEVICES, "nvidia")).hasMessageContaining("means several devices");
  }

  @Test
  void aDeviceTellsWhatItHas() {
    assertThat(DEVICES.get(1)).hasToString(
        "opencl:1 NVIDIA H100 (platform.device 1.0, NVIDIA CUDA), 2 compute units, 1.0 GiB, OpenCL 3.0, driver 1; has fp64");
  }

  @Test
  void withoutALoaderDiscoveryAndEveryUseSaySoInOneSentence() {
    OpenClProvider provider = new OpenClProvider(() -> ClLibrary.missing(List.of("libNoOpenClAtAll.so.1")));
    String reason = "no OpenCL loader is installed (libOpenCL.so.1 is not found)";
    Device device = new Device(Device.Kind.OPENCL, 0);

    assertThat(provider.discover()).isEqualTo("none: " + reason);
    for (ThrowingCallable use : List.<ThrowingCallable>of(
        () -> provider.open(device, 0), () -> provider.find("h100"), () -> provider.tune(device))) {
      assertThatThrownBy(use).isInstanceOf(TenonException.class).hasMessageStartingWith("device opencl:")
          .hasMessageEndingWith(" cannot be used: " + reason + "; use --device cpu");
    }
  }

  @Test
  void withoutADeviceDiscoveryAndOpeningNameWhatIsMissing() {
    assumeTrue(ClDevice.missing().isPresent(), "there is an OpenCL device");
    assertThat(new OpenClProvider().discover()).startsWith("none: ").doesNotContain("\n");
    assertThatThrownBy(() -> Backends.open(Backends.find("opencl:1"))).isInstanceOf(TenonException.class)
        .hasMessageContainingAll("opencl:1", "OpenCL", "use --device cpu").hasMessageNotContaining("\n");
  }

  @Test
  void aTextThatDoesNotCompileIsAnsweredWithTheCompilersLog(@TempDir Path cache) {
    assumeTrue(ClDevice.missing().isEmpty(), () -> "no OpenCL device: " + ClDevice.missing().orElseThrow());
    ClDevice device = ClDevice.all().getFirst();
    try (ClQueue queue = new ClQueue(device, false, false)) {
      assertThatThrownBy(() -> new ClPrograms(device, queue.context(), cache).program("gemm", "-DT=f33"))
          .isInstanceOf(TenonException.class).hasMessageContainingAll("gemm.cl does not compile", "type_f33");
    }
  }

  @Test
  void whatVariantsMeanToTheCompiler() {
    assertThat(ClTypes.options("f32")).isEqualTo("-DT=f32 -DIS_REAL -cl-single-precision-constant");
    assertThat(ClTypes.options("block_f64")).isEqualTo("-DBLOCK=1 -DT=f64 -DIS_REAL -DIS_DOUBLE");
    assertThat(ClTypes.options("thread_bf16_f32")).isEqualTo("-DBLOCK=0 -DFROM=bf16 -DTO=f32 -cl-single-precision-constant");
    assertThat(ClTypes.options("8")).isEqualTo("-DBITS -DT=bits64");
  }
}
