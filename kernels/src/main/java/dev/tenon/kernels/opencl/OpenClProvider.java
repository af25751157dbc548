package dev.tenon.kernels.opencl;

import dev.tenon.engine.Backend;
import dev.tenon.engine.BackendProvider;
import dev.tenon.engine.Device;
import dev.tenon.engine.TenonException;
import java.util.List;
import java.util.stream.Collectors;

/** Opens OpenCL devices of any vendor. Where there is no loader or no device it says so. */
public final class OpenClProvider implements BackendProvider {
  @Override
  public Device.Kind kind() {
    return Device.Kind.OPENCL;
  }

  @Override
  public Backend open(Device device, int threads) {
    List<ClDevice> devices = devices(device.toString());
    if (device.index() >= devices.size()) {
      throw new TenonException("device " + device + " does not exist: there are " + devices.size() + " OpenCL devices, counted from 0");
    }
    return new OpenClBackend(devices.get(device.index()));
  }

  private static List<ClDevice> devices(String wanted) {
    ClDevice.missing().ifPresent(reason -> {
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
    return ClDevice.missing().map(reason -> "none: " + reason)
        .orElseGet(() -> ClDevice.all().stream().map(ClDevice::toString).collect(Collectors.joining("\n")));
  }
}
