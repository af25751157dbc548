package dev.tenon.training.cli;

import dev.tenon.engine.Backends;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Finds the fastest kernels for a device, once; later runs on it use them. */
@Command(name = "tune", description = "Measure which variants of the kernels are fastest on a device, and keep the answer for later runs.")
final class TuneCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(names = "--device", defaultValue = "opencl:0", description = "cpu or opencl[:INDEX]; opencl:0 is the default.")
  private String device;

  @Override
  public Integer call() {
    var out = spec.commandLine().getOut();
    Backends.tune(Backends.find(device)).forEach(out::println);
    out.flush();
    return ExitCode.OK;
  }
}
