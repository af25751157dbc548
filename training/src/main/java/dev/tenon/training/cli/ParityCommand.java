package dev.tenon.training.cli;

import dev.tenon.engine.Backend;
import dev.tenon.engine.Backends;
import dev.tenon.engine.DType;
import dev.tenon.training.parity.Parity;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Compares Tenon with recorded values of the reference implementations, for anyone who has a folder of them. */
@Command(
    name = "parity",
    description = "Replay recorded computations and compare values and gradients; answers 3 when one differs.")
final class ParityCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "DIR", description = "A folder of cases, one .safetensors file each.")
  private Path folder;

  @Option(names = "--only", paramLabel = "GLOB", defaultValue = "*",
      description = "Only the cases whose names match, such as 'op_conv2d_*'.")
  private String glob;

  @Option(names = "--dtype", defaultValue = "F32", description = "Compute in F32 (default) or F64.")
  private DType dtype;

  @Option(names = "--device", defaultValue = "cpu", description = "cpu (default), cuda[:INDEX] or opencl[:INDEX].")
  private String device;

  @Override
  public Integer call() {
    var out = spec.commandLine().getOut();
    try (Backend backend = Backends.open(Backends.find(device))) {
      long failed = new Parity(backend, dtype).run(folder, glob, out::println);
      out.flush();
      return failed == 0 ? ExitCode.OK : ExitCode.MISMATCH;
    }
  }
}
