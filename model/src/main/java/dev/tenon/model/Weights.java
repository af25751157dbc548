package dev.tenon.model;

import dev.tenon.engine.DType;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.Cast;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.UnaryOperator;

/** The named tensors a model is made of, in a fixed order. Immutable; the memory belongs to whoever's scope it is in. */
public final class Weights {
  private final SequencedMap<String, Tensor> tensors;

  /** A copy of {@code tensors}, in its order. */
  public Weights(Map<String, Tensor> tensors) {
    this.tensors = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(tensors));
  }

  /**
   * The tensor {@code name}.
   *
   * @throws TenonException when there is none
   */
  public Tensor get(String name) {
    return find(name).orElseThrow(
        () -> new TenonException("the model's weights lack " + name + "; they belong to another architecture or are incomplete"));
  }

  public Optional<Tensor> find(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  public SequencedMap<String, Tensor> asMap() {
    return tensors;
  }

  /** Number of stored real values; indices, such as the order of channels, are no parameters. */
  public long parameters() {
    return tensors.values().stream().filter(t -> t.dtype().isFloating()).mapToLong(Tensor::size).sum();
  }

  /** These tensors with {@code others} put in, over those of the same name. */
  public Weights with(Map<String, Tensor> others) {
    Map<String, Tensor> all = new LinkedHashMap<>(tensors);
    all.putAll(others);
    return new Weights(all);
  }

  /** These tensors with those of {@code names} converted to {@code type}, all in one call. */
  public Weights cast(List<String> names, DType type) {
    if (names.isEmpty()) {
      return this;
    }
    List<Tensor> converted = new Cast(type).applyAll(names.stream().map(this::get).toList());
    Map<String, Tensor> all = new LinkedHashMap<>();
    for (int i = 0; i < names.size(); i++) {
      all.put(names.get(i), converted.get(i));
    }
    return with(all);
  }

  /** Each tensor replaced by what {@code change} makes of it. */
  public Weights map(UnaryOperator<Tensor> change) {
    Map<String, Tensor> all = new LinkedHashMap<>();
    tensors.forEach((name, t) -> all.put(name, change.apply(t)));
    return new Weights(all);
  }
}
