package dev.tenon.model;

import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Tensors under another library's names, made into those of one network of ours and held to what it must have.
 *
 * @param title names the origin in messages
 * @param network what it must hold, such as {@code ViT}
 * @param names whose they are
 */
public record NamedTensors(String title, String network, String names, NameTable table, Map<String, Tensor> sources) {
  private static final int NAMES_TO_TELL = 8;

  /**
   * Our tensors, in the order of what is expected; differentiable.
   *
   * @param expected name and shape of every tensor, of the network that given names and shapes suggest
   * @throws TenonException when tensors lack, others are there, or some have a wrong shape
   */
  public SequencedMap<String, Tensor> assemble(Function<Map<String, Shape>, SequencedMap<String, Shape>> expected) {
    NameTable.Reading reading = table.read(title, sources);
    Map<String, Shape> shapes = new LinkedHashMap<>();
    reading.tensors().forEach((name, t) -> shapes.put(name, t.shape()));
    SequencedMap<String, Shape> wanted = expected.apply(shapes);
    Set<String> missing = new LinkedHashSet<>(reading.missing());
    wanted.keySet().stream()
        .filter(name -> !shapes.containsKey(name))
        .flatMap(name -> table.sources(name, sources.keySet()).stream())
        .filter(name -> !sources.containsKey(name))
        .forEach(missing::add);
    Set<String> unexpected = new LinkedHashSet<>(reading.unexpected());
    shapes.keySet().stream()
        .filter(name -> !wanted.containsKey(name))
        .flatMap(name -> table.sources(name, sources.keySet()).stream())
        .forEach(unexpected::add);
    if (!missing.isEmpty() || !unexpected.isEmpty()) {
      throw new TenonException(title + " is not a " + network + " under " + names + " names: it lacks " + list(missing)
          + " and has unexpected " + list(unexpected) + "; name a complete file of one " + network);
    }
    SequencedMap<String, Tensor> ordered = new LinkedHashMap<>();
    wanted.forEach((name, shape) -> {
      if (!shape.equals(shapes.get(name))) {
        throw new TenonException(title + ": " + String.join(" + ", table.sources(name, sources.keySet())) + " has shape "
            + shapes.get(name) + ", where the others call for " + shape + "; name a complete file of one " + network);
      }
      ordered.put(name, reading.tensors().get(name));
    });
    return ordered;
  }

  private static String list(Set<String> names) {
    if (names.isEmpty()) {
      return "none";
    }
    String some = names.stream().limit(NAMES_TO_TELL).collect(Collectors.joining(", "));
    return names.size() <= NAMES_TO_TELL ? some : some + " and " + (names.size() - NAMES_TO_TELL) + " more";
  }
}
