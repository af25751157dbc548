package dev.tenon.training.cli;

import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.tenon.engine.io.AtomicFile;
import dev.tenon.training.bench.Bench;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Measures how fast a device does what networks are made of, each result checked before it is timed. */
@Command(name = "bench", description = "Check and time what networks are made of, on one device.")
final class BenchCommand implements Callable<Integer> {
  private static final JsonMapper JSON = new JsonMapper();

  @Spec private CommandSpec spec;

  @Option(names = "--only", paramLabel = "REGEX", defaultValue = "",
      description = "Only the rows in whose names this is found, such as 'attention.*bf16'.")
  private String only;

  @Option(names = "--json", paramLabel = "FILE", description = "Write the figures to this file, too.")
  private Path json;

  @Option(names = "--batch", paramLabel = "N", defaultValue = "0",
      description = "Images at a time; by default 128 on an NVIDIA GPU and 8 elsewhere.")
  private int batch;

  @Option(names = "--seconds", paramLabel = "S", defaultValue = "1", description = "Time to spend on each row (default: 1).")
  private double seconds;

  @Mixin private DeviceOptions device;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    Pattern pattern = pattern();
    if (batch < 0) {
      throw new ParameterException(spec.commandLine(), "--batch must not be negative: " + batch);
    }
    Bench.Outcome outcome = new Bench(device.device(), device.threads(), batch, seconds)
        .run(name -> pattern.matcher(name).find(), line -> {
          out.println(line);
          out.flush();
        });
    if (json != null) {
      AtomicFile.write(json, channel -> channel.write(ByteBuffer.wrap(bytes(outcome))));
    }
    return outcome.allRight() ? ExitCode.OK : ExitCode.MISMATCH;
  }

  private Pattern pattern() {
    try {
      return Pattern.compile(only);
    } catch (PatternSyntaxException e) {
      throw new ParameterException(spec.commandLine(), "--only is not a regular expression: " + e.getDescription(), e);
    }
  }

  private static byte[] bytes(Bench.Outcome outcome) {
    try {
      return JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(outcome.json());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
