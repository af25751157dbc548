package dev.tenon.jmh;

import dev.tenon.engine.TenonException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.BiPredicate;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code java -jar benchmarks.jar NAME}: times the workload or the op of that name. */
@Command(name = "benchmarks", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Times workloads on the CPU. Each result is checked before it is timed.")
public final class Main implements Callable<Integer> {
  @Parameters(paramLabel = "NAME", description = "Time the workloads and ops of these names, or"
      + " those that have them in their names. Without any, list all.")
  private List<String> names = new ArrayList<>();

  @Option(names = "--threads", split = ",", defaultValue = "1", description = "CPU threads to compute with, such as 1,2. Default: 1.")
  private List<Integer> threads;

  @Option(names = "--table", description = "Time what stands in docs/results/cpu.md, all or the named, with 1 thread or 2"
      + " as there.")
  private boolean table;

  @Option(names = "--engines", split = ",", description = "Only these engines. Default: all that this build has.")
  private List<String> engines = List.of();

  @Option(names = "--forks", defaultValue = "3", description = "JVMs to measure in, one after the other. Default: 3.")
  private int forks;

  @Option(names = "--warmup", defaultValue = "1", description = "Seconds to warm up in each; half of that for peers. Default: 1.")
  private double warmup;

  @Option(names = "--seconds", defaultValue = "0.5", description = "Seconds to measure in each. Default: 0.5.")
  private double seconds;

  @Option(names = "--minutes", defaultValue = "Infinity", description = "Begin no row after so many minutes; --resume goes on with the"
      + " next. Default: no limit.")
  private double minutes;

  @Option(names = "--results", paramLabel = "FOLDER", defaultValue = "jmh/results",
      description = "Where results are kept, one folder a machine. Default: jmh/results.")
  private Path results;

  @Option(names = "--resume", description = "Go on with the newest results, which a stopped run left: theirs is not measured again.")
  private boolean resume;

  @Option(names = "--profile", description = "Do not time: show what each op inside takes.")
  private boolean profile;

  @Option(names = "--jars", split = ",", description = "Jars whose size together the report tells.")
  private List<Path> jars = List.of();

  @Option(names = "--report", paramLabel = "FILE",
      description = "Do not time: write this machine's results, each row as it was measured last, to this Markdown"
          + " file, with a chart beside it.")
  private Path report;

  private Main() {}

  /** Runs the command and ends the process with its exit code. */
  public static void main(String[] args) throws IOException, InterruptedException {
    if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
      System.exit(again(args));
    }
    CommandLine command = new CommandLine(new Main());
    command.setExecutionExceptionHandler((e, c, _) -> {
      if (e instanceof TenonException) {
        c.getErr().println(e.getMessage());
        return 1;
      }
      throw e;
    });
    System.exit(command.execute(args));
  }

  /** A jar cannot ask for the Vector API, an incubator module; a process of our own can. */
  private static int again(String[] args) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--add-modules", "jdk.incubator.vector",
        "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(List.of(args));
    return new ProcessBuilder(command).inheritIO().start().waitFor();
  }

  @Override
  public Integer call() {
    PrintStream out = System.out;
    if (report != null) {
      new Report(Results.merged(kept(Machine.here()), Workloads.all().stream().map(Workload::name).toList()), jars).write(report);
      out.println("written: " + report);
    } else if (table) {
      List<Workload> rows = names.isEmpty() ? Workloads.all() : Catalogue.matching(names);
      measure(out, rows, List.of(1, 2), Workloads::isInTable);
    } else if (names.isEmpty()) {
      Catalogue.names().forEach(out::println);
    } else if (profile) {
      for (Workload workload : Catalogue.matching(names)) {
        Profile.of(workload, threads.getFirst(), seconds).print(out);
      }
    } else {
      measure(out, Catalogue.matching(names), threads, (_, _) -> true);
    }
    return 0;
  }

  private List<Results> kept(Machine machine) {
    List<Results> kept = Results.of(machine, results);
    if (kept.isEmpty()) {
      throw new TenonException("no results of this machine are in " + results.resolve(machine.name()) + "; measure first");
    }
    return kept;
  }

  private void measure(PrintStream out, List<Workload> workloads, List<Integer> counts, BiPredicate<Workload, Integer> wanted) {
    Machine machine = Machine.here();
    List<Engine> chosen = engines.isEmpty() ? Engine.all() : engines.stream().map(Engine::named).toList();
    Session session = new Session(chosen, counts, wanted, forks, warmup, seconds, minutes);
    Results begun = resume ? kept(machine).getFirst() : Session.nothing(machine);
    List<Results> earlier = Results.of(machine, results).stream().filter(r -> !r.time().equals(begun.time())).toList();
    Results measured = session.run(begun, workloads, new Table(out), r -> r.save(results));
    new Table(out).changes(earlier, measured);
    out.println("results: " + measured.file(results));
  }
}
