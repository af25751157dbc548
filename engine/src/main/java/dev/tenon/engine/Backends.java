package dev.tenon.engine;

import java.util.List;
import java.util.ServiceLoader;

/** Opens devices through whichever providers are installed. */
public final class Backends {
  private Backends() {}

  /** Opens {@code device} with one CPU thread a core. */
  public static Backend open(Device device) {
    return open(device, 0);
  }

  /**
   * Opens {@code device}. Without any provider the CPU runs the reference computations.
   *
   * @param threads CPU threads to compute with; 0 for one a core
   * @throws TenonException when the device is not there, naming what is missing
   */
  public static Backend open(Device device, int threads) {
    for (BackendProvider provider : providers()) {
      if (provider.kind() == device.kind()) {
        return provider.open(device, threads);
      }
    }
    if (device.kind() == Device.Kind.CPU) {
      return HostBackend.reference();
    }
    throw new TenonException(
        "device " + device + " cannot be used: no " + device.kind() + " kernels are installed; use --device cpu");
  }

  /** The providers that are installed. */
  public static List<BackendProvider> providers() {
    return ServiceLoader.load(BackendProvider.class).stream().map(ServiceLoader.Provider::get).toList();
  }
}
