package dev.tenon.engine.autograd;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BiConsumer;

/**
 * Gradients by the tensor they belong to: the very object, since tensors have identity. In the order they were first met, which
 * is the same in every run.
 */
public final class Gradients {
  private final Map<Tensor, Tensor> byTensor = new LinkedHashMap<>();

  /** No gradients yet. */
  public Gradients() {}

  /** The gradient of {@code tensor}, or null if the loss does not depend on it. */
  public Tensor of(Tensor tensor) {
    return byTensor.get(tensor);
  }

  /** Adds to the gradient of {@code tensor}: gradients from several losses or batches accumulate. */
  public void add(Tensor tensor, Tensor gradient) {
    if (!gradient.shape().equals(tensor.shape()) || gradient.dtype() != tensor.dtype()) {
      throw new TenonException(
          "the gradient of a tensor of " + tensor.shape() + " " + tensor.dtype() + " came out as " + gradient.shape()
              + " " + gradient.dtype());
    }
    byTensor.merge(tensor, gradient, Tensor::add);
  }

  /** Adds all of {@code other}'s gradients to these. */
  public void addAll(Gradients other) {
    other.forEach(this::add);
  }

  public void forEach(BiConsumer<Tensor, Tensor> action) {
    byTensor.forEach(action);
  }

  Tensor take(Tensor tensor) {
    return byTensor.remove(tensor);
  }
}
