package dev.tenon.training.model;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.io.Safetensors;
import dev.tenon.engine.io.SafetensorsFile;
import dev.tenon.model.vit.VitConfig;
import dev.tenon.training.data.MultiTask;
import dev.tenon.training.recipe.Recipe;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What a file of trained weights says about itself, so that somebody else can use it.
 *
 * @param kind what the file's tensors are
 * @param tasks in union order: the head's outputs are the classes of all tasks, one after the other
 * @param network what the tensors do not say themselves
 * @param method how it was trained
 * @param alpha how far its routers had faded; 1 where there are none
 * @param base {@link BaseHash} of the network that was adapted; empty when nobody knows
 */
public record ModelCard(
    Kind kind, List<Task> tasks, InputSpec input, VitConfig network, String method, double alpha, String base) {

  /** What a file holds. */
  public enum Kind {
    /** A plain network, complete. */
    MODEL,
    /** Low-rank updates, routers, the order of channels and the head: together with the base weights a network. */
    ADAPTER
  }

  /** A question the network answers, and the possible answers in the order of its outputs. */
  public record Task(String name, List<String> classes) {
    public Task {
      classes = List.copyOf(classes);
    }
  }

  public ModelCard {
    tasks = List.copyOf(tasks);
    if (tasks.isEmpty() || tasks.stream().anyMatch(task -> task.classes().isEmpty())) {
      throw new TenonException("a model needs at least one task, and every task at least one class");
    }
    if (!(alpha >= 0 && alpha <= 1)) {
      throw new TenonException("a router is faded to a share of 0 to 1, not " + alpha);
    }
  }

  /** The card of a network trained by {@code recipe} on {@code data}, to be saved whole. */
  public static ModelCard of(Recipe recipe, MultiTask data, VitConfig network, double alpha, String base) {
    return new ModelCard(
        Kind.MODEL,
        data.tasks().stream().map(task -> new Task(task.name(), task.classes())).toList(),
        InputSpec.of(recipe),
        network,
        recipe.method().kind().name().toLowerCase(Locale.ROOT),
        alpha,
        base);
  }

  /**
   * The card of a file, without reading its tensors.
   *
   * @throws TenonException when the file is damaged or describes no model
   */
  public static ModelCard read(Path file) {
    try (SafetensorsFile open = Safetensors.open(file)) {
      return CardText.parse(file, open.metadata());
    }
  }

  /**
   * The card of a file of weights; empty when they are not Tenon's.
   *
   * @throws TenonException when the file is damaged
   */
  public static Optional<ModelCard> find(Path file) {
    if (file.toString().endsWith(".npz")) {
      return Optional.empty();
    }
    try (SafetensorsFile open = Safetensors.open(file)) {
      return CardText.isIn(open.metadata()) ? Optional.of(CardText.parse(file, open.metadata())) : Optional.empty();
    }
  }

  /** Number of the head's outputs. */
  public int classCount() {
    return tasks.stream().mapToInt(task -> task.classes().size()).sum();
  }

  /** The same for a file that holds something else. */
  ModelCard with(Kind other) {
    return new ModelCard(other, tasks, input, network, method, alpha, base);
  }

  /** The kind as files and messages spell it. */
  String kindName() {
    return kind.name().toLowerCase(Locale.ROOT);
  }
}
