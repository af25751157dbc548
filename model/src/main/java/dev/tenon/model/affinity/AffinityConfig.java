package dev.tenon.model.affinity;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import java.util.List;
import java.util.Set;

/**
 * What the tensors of a cross-task decoder do not say themselves.
 *
 * @param tasks their names in the order in which their maps alternate
 * @param gamma γ, the share of what was diffused in a task's features
 */
public record AffinityConfig(List<String> tasks, double gamma) {
  private static final double PUBLISHED_GAMMA = 0.05;

  public AffinityConfig {
    tasks = List.copyOf(tasks);
    if (tasks.isEmpty() || Set.copyOf(tasks).size() < tasks.size()) {
      throw new TenonException("a decoder needs at least one task, each named once, not " + tasks);
    }
  }

  /** With γ as published. */
  public static AffinityConfig of(String... tasks) {
    return new AffinityConfig(List.of(tasks), PUBLISHED_GAMMA);
  }

  /** Holds one tensor a task to maps of one size with as many channels as the first layer of each task reads. */
  void check(List<Tensor> features, long channels) {
    if (features.size() != tasks.size()) {
      throw new TenonException("a decoder of " + tasks.size() + " tasks " + tasks + " needs the features of each of them, but got "
          + features.size());
    }
    Tensor first = features.getFirst();
    for (int t = 0; t < tasks.size(); t++) {
      Tensor f = features.get(t);
      if (f.rank() != 4 || f.dim(1) != channels || !f.shape().equals(first.shape())) {
        throw new TenonException("the features of task " + tasks.get(t) + " must be [B, " + channels + ", H, W], of one size for all"
            + " tasks, but are " + f.shape());
      }
    }
  }
}
