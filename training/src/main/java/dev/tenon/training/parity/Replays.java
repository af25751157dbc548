package dev.tenon.training.parity;

import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Finds the replay of a case: the one registered under the longest prefix of its name. */
final class Replays {
  private static final Map<String, Replay> BY_PREFIX = new TreeMap<>();

  static {
    BY_PREFIX.putAll(MatrixReplays.ALL);
    BY_PREFIX.putAll(ElementReplays.ALL);
    BY_PREFIX.putAll(NormReplays.ALL);
    BY_PREFIX.putAll(SpatialReplays.ALL);
    BY_PREFIX.putAll(EmtalReplays.ALL);
    BY_PREFIX.putAll(VitReplays.ALL);
    BY_PREFIX.putAll(SwinReplays.ALL);
    BY_PREFIX.putAll(LossReplays.ALL);
    BY_PREFIX.put(ActivationReplays.PREFIX, ActivationReplays::run);
    BY_PREFIX.putAll(AttentionReplays.ALL);
    BY_PREFIX.putAll(LayoutReplays.ALL);
    BY_PREFIX.putAll(AffinityReplays.ALL);
    BY_PREFIX.put("lr_schedules", ScheduleReplay::run);
    BY_PREFIX.put("opt_", OptimReplays::run);
  }

  private Replays() {}

  static Optional<Replay> of(String name) {
    return BY_PREFIX.keySet().stream()
        .filter(name::startsWith)
        .max(Comparator.comparingInt(String::length))
        .map(BY_PREFIX::get);
  }
}
