package dev.tenon.engine;

import java.util.List;
import java.util.Locale;

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

  /**
   * The device that a word other than an index means, such as a part of its name.
   *
   * @throws TenonException when it means none, or several
   */
  default Device find(String selector) {
    throw new TenonException("device " + kind().name().toLowerCase(Locale.ROOT) + ":" + selector + " does not exist; give its index");
  }

  /**
   * Opens a device that computes with F32 in the given precision.
   *
   * @throws TenonException when it cannot, or is not there
   */
  default Backend open(Device device, int threads, Precision precision) {
    if (precision != Precision.FP32) {
      throw new TenonException("device " + device + " computes in fp32 only, not in " + precision + "; set precision=fp32");
    }
    return open(device, threads);
  }

  /**
   * Measures which variants of its kernels are fastest on a device, and keeps the answer for all later runs.
   *
   * @return for people, what was chosen, one line a choice
   * @throws TenonException when the device is not there, or has no variants
   */
  default List<String> tune(Device device) {
    throw new TenonException("device " + device + " has nothing to tune; use --device cpu, or an OpenCL device as in --device opencl:0");
  }

  /** The devices present, one line each, or the reason why there are none. */
  String discover();
}
