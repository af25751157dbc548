package dev.tenon.kernels.cuda;

import dev.tenon.engine.Backend;
import dev.tenon.engine.BackendProvider;
import dev.tenon.engine.Device;
import dev.tenon.engine.Precision;
import dev.tenon.engine.TenonException;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Opens NVIDIA GPUs. Where there is no driver it says so and loads nothing. */
public final class CudaProvider implements BackendProvider {
  @Override
  public Device.Kind kind() {
    return Device.Kind.CUDA;
  }

  @Override
  public Backend open(Device device, int threads) {
    return open(device, threads, Precision.FP32);
  }

  @Override
  public Backend open(Device device, int threads, Precision precision) {
    CudaBackend backend = new CudaBackend(device.index(), precision);
    if (precision == Precision.FP32_SPLIT && !backend.splits()) {
      backend.close();
      throw new TenonException("device " + device + " computes in fp32, tf32 and bf16, not in " + precision
          + ", which takes a GPU of compute capability 9.0; set precision=tf32 or fp32");
    }
    return backend;
  }

  @Override
  public String discover() {
    return Driver.missing().map(reason -> "none: " + reason).orElseGet(
        () -> IntStream.range(0, Driver.count()).mapToObj(i -> describe(Driver.info(i))).collect(Collectors.joining("\n")));
  }

  private static String describe(Driver.Info info) {
    return info + "; " + KernelImages.inCache(info).outlook();
  }
}
