package dev.tenon.engine;

/** Opens the devices of one kind; found by {@link java.util.ServiceLoader}. */
public interface BackendProvider {
  Device.Kind kind();

  /**
   * Opens a device.
   *
   * @param threads CPU threads to compute with; 0 for one a core
   * @throws TenonException saying in one sentence what is missing
   */
  Backend open(Device device, int threads);

  /** The devices present, one line each, or the reason why there are none. */
  String discover();
}
