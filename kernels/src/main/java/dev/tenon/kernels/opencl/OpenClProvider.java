package dev.tenon.kernels.opencl;

import dev.tenon.engine.Backend;
import dev.tenon.engine.BackendProvider;
import dev.tenon.engine.Device;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.io.CacheFolder;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Opens OpenCL devices of any vendor. Where there is no loader or no device it says so. */
public final class OpenClProvider implements BackendProvider {
  private static final Path TUNINGS = CacheFolder.of(System.getenv()).path().resolve("tuning");

  private final Supplier<Optional<String>> missing;

  public OpenClProvider() {
    this(ClDevice::missing);
  }

  /** @param missing answers why no device can be used, or nothing */
  OpenClProvider(Supplier<Optional<String>> missing) {
    this.missing = missing;
  }

  @Override
  public Device.Kind kind() {
    return Device.Kind.OPENCL;
  }

  @Override
  public Backend open(Device device, int threads) {
    ClDevice info = info(device);
    return new OpenClBackend(info, ClTuning.read(ClTuning.file(TUNINGS, info)));
  }

  @Override
  public List<String> tune(Device device) {
    ClDevice info = info(device);
    Path file = ClTuning.file(TUNINGS, info);
    ClTuner tuner = new ClTuner(info);
    tuner.tune().write(file);
    return Stream.concat(tuner.report().stream(), Stream.of("kept in " + file)).toList();
  }

  private ClDevice info(Device device) {
    List<ClDevice> devices = devices(device.toString());
    if (device.index() >= devices.size()) {
      throw new TenonException("device " + device + " does not exist: there are " + devices.size() + " OpenCL devices, counted from 0");
    }
    return devices.get(device.index());
  }

  private List<ClDevice> devices(String wanted) {
    missing.get().ifPresent(reason -> {
      throw new TenonException("device " + wanted + " cannot be used: " + reason + "; use --device cpu");
    });
    return ClDevice.all();
  }

  @Override
  public Device find(String selector) {
    return new Device(Device.Kind.OPENCL, ClDevice.select(devices("opencl:" + selector), selector).index());
  }

  @Override
  public String discover() {
    return missing.get().map(reason -> "none: " + reason)
        .orElseGet(() -> ClDevice.all().stream().map(ClDevice::toString).collect(Collectors.joining("\n")));
  }
}
