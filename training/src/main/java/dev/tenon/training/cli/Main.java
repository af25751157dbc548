package dev.tenon.training.cli;

import dev.tenon.engine.io.CacheFolder;
import java.io.PrintWriter;
import java.util.Map;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The entry point of the launcher: parses the command line and answers its exit code. */
@Command(
    name = "tenon",
    description = "Trains, merges and runs multi-task vision transformers.",
    version = "tenon 0.1.0",
    mixinStandardHelpOptions = true,
    scope = ScopeType.INHERIT,
    synopsisSubcommandLabel = "COMMAND",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:bad input or environment; the message says what to do",
      "2:the command line is wrong",
      "3:a comparison was made and did not hold",
      "4:a fault of the program; the message names the file with the stack trace"
    },
    subcommands = {
      DemoCommand.class,
      TrainCommand.class,
      EvalCommand.class,
      ClusterCommand.class,
      MergeCommand.class,
      ExportCommand.class,
      PredictCommand.class,
      InfoCommand.class,
      DoctorCommand.class,
      BenchCommand.class,
      ParityCommand.class,
      TuneCommand.class,
      GenerateCompletion.class
    })
public final class Main implements Runnable {
  @Spec private CommandSpec spec;

  @Option(
      names = "--stacktrace",
      scope = ScopeType.INHERIT,
      description = "On failure, print the stack trace instead of naming a file that holds it.")
  private boolean stackTrace;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Name a command.");
  }

  public static void main(String[] args) {
    var out = new PrintWriter(System.out, true);
    var err = new PrintWriter(System.err, true);
    System.exit(run(System.getenv(), out, err, args));
  }

  /** Runs one command line and answers its exit code, one of {@link ExitCode}. */
  static int run(Map<String, String> environment, PrintWriter out, PrintWriter err, String... args) {
    var cache = CacheFolder.of(environment);
    var main = new Main();
    return new CommandLine(main, new CommandFactory(cache))
        .setOut(out)
        .setErr(err)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExecutionExceptionHandler(
            (exception, command, _) ->
                new FailureReport(cache, main.stackTrace).answer(exception, command.getErr()))
        .execute(args);
  }
}
