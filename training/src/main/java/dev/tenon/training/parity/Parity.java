package dev.tenon.training.parity;

import dev.tenon.engine.Backend;
import dev.tenon.engine.DType;
import dev.tenon.engine.Scope;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Gradients;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.training.parity.Outcome.Verdict;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Replays recorded computations of the reference and compares values and gradients, case by case. */
public final class Parity {
  private final Backend backend;
  private final DType dtype;

  /**
   * A comparison on {@code backend}.
   *
   * @param dtype F32 or F64, the type the computations run in
   */
  public Parity(Backend backend, DType dtype) {
    if (dtype != DType.F32 && dtype != DType.F64) {
      throw new TenonException("parity runs in F32 or F64, not in " + dtype);
    }
    this.backend = backend;
    this.dtype = dtype;
  }

  /**
   * Replays every case of {@code folder} whose name matches {@code glob}, tells {@code report} a line a case and at the end
   * {@code N passed, N failed, N not yet known}.
   *
   * @return the number of failed cases
   * @throws TenonException when the folder has no such case
   */
  public long run(Path folder, String glob, Consumer<String> report) {
    List<Path> files = cases(folder, glob);
    if (files.isEmpty()) {
      throw new TenonException(folder + " has no case that matches '" + glob + "'; name a folder of .safetensors cases");
    }
    Map<Verdict, Long> counts = files.stream()
        .map(this::replay)
        .peek(outcome -> report.accept(outcome.toString()))
        .collect(Collectors.groupingBy(Outcome::verdict, Collectors.counting()));
    report.accept(Stream.of(Verdict.values())
        .map(verdict -> counts.getOrDefault(verdict, 0L) + " " + verdict)
        .collect(Collectors.joining(", ")));
    return counts.getOrDefault(Verdict.FAILED, 0L);
  }

  /** The files of the cases whose names match {@code glob}, in the order of their names. */
  static List<Path> cases(Path folder, String glob) {
    PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + glob);
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> file.toString().endsWith(".safetensors"))
          .filter(file -> matcher.matches(Path.of(GoldenCase.nameOf(file))))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new TenonException("cannot list " + folder + "; name a folder of .safetensors cases", e);
    }
  }

  /** Replays one case; whatever goes wrong inside is its outcome. */
  Outcome replay(Path file) {
    String name = GoldenCase.nameOf(file);
    Optional<Replay> replay = Replays.of(name);
    if (replay.isEmpty()) {
      return Outcome.unknown(name, "no replay for this case");
    }
    try (Scope _ = Scope.open(backend); Tape tape = Tape.record()) {
      GoldenCase golden = new GoldenCase(file, dtype);
      Map<String, Tensor> outputs = replay.get().run(golden);
      List<String> missing = golden.expected().keySet().stream()
          .filter(key -> key.startsWith("out.") && !outputs.containsKey(key.substring(4)))
          .toList();
      return missing.isEmpty()
          ? compare(golden, outputs, gradients(golden, outputs, tape))
          : Outcome.unknown(name, "not computed: " + String.join(" ", missing));
    } catch (TenonException | IllegalArgumentException | IllegalStateException | ClassCastException e) {
      return new Outcome(name, Verdict.FAILED, Double.NaN, String.valueOf(e.getMessage()));
    }
  }

  private static Gradients gradients(GoldenCase golden, Map<String, Tensor> outputs, Tape tape) {
    Map<Tensor, Tensor> seeds = new HashMap<>();
    outputs.forEach((name, output) -> {
      Tensor cotangent = golden.cotangent(name);
      if (cotangent != null && output.requiresGrad()) {
        seeds.merge(output, cotangent, Tensor::add);
      }
    });
    return tape.backward(seeds);
  }

  private Outcome compare(GoldenCase golden, Map<String, Tensor> outputs, Gradients gradients) {
    Acceptance acceptance = Acceptance.of(dtype);
    double worst = 0;
    String where = "";
    for (var entry : golden.expected().entrySet()) {
      String key = entry.getKey();
      Tensor value = key.startsWith("out.")
          ? outputs.get(key.substring("out.".length()))
          : gradients.of(golden.operand(key.substring("grad.".length())));
      double error = acceptance.error(value, entry.getValue(), golden.isZeroByTheory(key));
      if (error >= worst) {
        worst = error;
        where = key;
      }
    }
    return new Outcome(golden.name(), worst <= 1 ? Verdict.PASSED : Verdict.FAILED, worst, where);
  }
}
