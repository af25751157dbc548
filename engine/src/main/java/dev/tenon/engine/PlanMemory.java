package dev.tenon.engine;

import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Recorded calls put together into steps, and where in one arena each value lies that is made on the way: values that are never needed
 * at the same time may share a place.
 */
record PlanMemory(List<Step> steps, Map<Storage, Long> offsets, long bytes) {
  private static final long ALIGNMENT = 64;
  /** Calls a kernel is offered to run along with another. */
  private static final int CHAIN = 3;

  /** A call, and those its kernel runs along with it. */
  record Step(Call call, Kernel kernel, List<Call> absorbed) {
    private Call last() {
      return absorbed.isEmpty() ? call : absorbed.getLast();
    }

    /** Everything the step reads or writes; what passes between its calls is in no memory. */
    private Stream<Storage> touches() {
      List<Call> calls = Stream.concat(Stream.of(call), absorbed.stream()).toList();
      List<Storage> between = calls.subList(0, calls.size() - 1).stream().map(c -> c.output(0).storage()).toList();
      Stream<Tensor> byProducts = call.outputs().stream().skip(1);
      return Stream.of(calls.stream().flatMap(c -> c.inputs().stream()), byProducts, last().outputs().stream()).flatMap(s -> s)
          .map(Tensor::storage).filter(s -> between.stream().noneMatch(b -> b == s));
    }
  }

  /** A value from the first step that touches it to the last. */
  private static final class Life {
    private final Storage storage;
    private final int from;
    private int to;
    private long offset;

    Life(Storage storage, int from) {
      this.storage = storage;
      this.from = from;
    }

    boolean meets(Life other) {
      return from <= other.to && other.from <= to;
    }

    long end() {
      return offset + storage.bytes();
    }
  }

  /**
   * @param made the values that the calls make
   * @param results those that are wanted in the end
   */
  static PlanMemory of(List<Step> calls, Set<Storage> made, List<Tensor> results) {
    List<Step> steps = join(calls, results);
    Map<Storage, Life> lives = new LinkedHashMap<>();
    for (int i = 0; i < steps.size(); i++) {
      int step = i;
      steps.get(i).touches().filter(made::contains).forEach(s -> lives.computeIfAbsent(s, _ -> new Life(s, step)).to = step);
    }
    results.stream().map(t -> lives.get(t.storage())).filter(life -> life != null).forEach(life -> life.to = steps.size());
    Map<Storage, Long> offsets = new HashMap<>();
    long bytes = place(lives.values().stream().sorted(Comparator.comparingLong((Life l) -> -l.storage.bytes())
        .thenComparingInt(l -> l.from)).toList());
    lives.values().forEach(life -> offsets.put(life.storage, life.offset));
    return new PlanMemory(steps, offsets, bytes);
  }

  /** Gives each life, the largest first, the lowest place that is free as long as it lasts; answers the bytes all take. */
  private static long place(List<Life> lives) {
    List<Life> placed = new ArrayList<>();
    long bytes = 0;
    for (Life life : lives) {
      List<Life> taken = placed.stream().filter(life::meets).sorted(Comparator.comparingLong(l -> l.offset)).toList();
      for (Life other : taken) {
        if (life.end() > other.offset && life.offset < other.end()) {
          life.offset = (other.end() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        }
      }
      placed.add(life);
      bytes = Math.max(bytes, life.end());
    }
    return bytes;
  }

  private static List<Step> join(List<Step> calls, List<Tensor> results) {
    Map<Storage, Integer> uses = new HashMap<>();
    Stream.concat(calls.stream().flatMap(s -> s.call().inputs().stream()), results.stream())
        .forEach(t -> uses.merge(t.storage(), 1, Integer::sum));
    List<Step> steps = new ArrayList<>();
    for (int i = 0; i < calls.size(); i++) {
      Step step = calls.get(i);
      List<Call> next = new ArrayList<>();
      for (int j = i + 1; j < calls.size() && next.size() < CHAIN; j++) {
        Call before = calls.get(j - 1).call();
        Call call = calls.get(j).call();
        boolean alone = j == i + 1 || before.outputs().size() == 1; // the first may have by-products
        if (!alone || uses.getOrDefault(before.output(0).storage(), 0) != 1 || !reads(call, before.output(0))) {
          break;
        }
        next.add(call);
      }
      List<Call> absorbed = next.subList(0, step.kernel.absorbs(step.call, next));
      steps.add(new Step(step.call, step.kernel, absorbed));
      i += absorbed.size();
    }
    return steps;
  }

  private static boolean reads(Call call, Tensor value) {
    return call.inputs().stream().anyMatch(t -> t.storage() == value.storage() && t.layout().equals(value.layout()));
  }
}
