package dev.tenon.engine;

import java.util.List;
import java.util.Optional;
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
    return open(device, threads, Precision.FP32);
  }

  /**
   * Opens {@code device} to compute with F32 in the given precision.
   *
   * @param threads CPU threads to compute with; 0 for one a core
   * @throws TenonException when the device is not there or cannot compute so
   */
  public static Backend open(Device device, int threads, Precision precision) {
    Optional<BackendProvider> provider = provider(device.kind());
    if (provider.isEmpty() && device.kind() == Device.Kind.CPU) {
      return HostBackend.reference();
    }
    return provider.orElseThrow(() -> missing(device)).open(device, threads, precision);
  }

  /**
   * Has the provider of {@code device} measure which of its kernels are fastest there, as {@link BackendProvider#tune} says.
   *
   * @throws TenonException when the device is not there, or has nothing to tune
   */
  public static List<String> tune(Device device) {
    return provider(device.kind()).orElseThrow(() -> missing(device)).tune(device);
  }

  private static TenonException missing(Device device) {
    return new TenonException(
        "device " + device + " cannot be used: no " + device.kind() + " kernels are installed; use --device cpu");
  }

  private static Optional<BackendProvider> provider(Device.Kind kind) {
    return providers().stream().filter(provider -> provider.kind() == kind).findFirst();
  }

  /**
   * The device that a text names: {@code cpu}, {@code cuda:1}, or a kind and a word that its provider knows, such as a part of the
   * device's name.
   *
   * @throws TenonException when it names none
   */
  public static Device find(String text) {
    int colon = text.indexOf(':');
    if (colon >= 0 && !text.substring(colon + 1).matches("\\d*")) {
      Device.Kind kind = Device.parse(text.substring(0, colon)).kind();
      for (BackendProvider provider : providers()) {
        if (provider.kind() == kind && kind != Device.Kind.CPU) {
          return provider.find(text.substring(colon + 1));
        }
      }
    }
    return Device.parse(text);
  }

  /** The providers that are installed. */
  public static List<BackendProvider> providers() {
    return ServiceLoader.load(BackendProvider.class).stream().map(ServiceLoader.Provider::get).toList();
  }
}
