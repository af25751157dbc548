package dev.tenon.training.cli;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.Device;
import picocli.CommandLine.Option;

/** Where to compute; a mixin for commands that run a network. */
final class DeviceOptions {
  @Option(names = "--device", defaultValue = "cpu", description = "cpu (default), cuda[:INDEX] or opencl[:INDEX].")
  private String device;

  @Option(names = "--threads", defaultValue = "0", description = "CPU threads to compute with; 0 (default) takes all cores.")
  private int threads;

  Device device() {
    return Backends.find(device);
  }

  int threads() {
    return threads;
  }

  Backend open() {
    return Backends.open(device(), threads);
  }
}
