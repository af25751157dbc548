package dev.tenon.engine.op;

import dev.tenon.engine.Tensor;
import java.util.List;

/**
 * What a gradient rule sees of the call it reverses.
 *
 * @param gradOutputs gradients of the outputs; null for an output that took no part
 */
public record GradientCall(List<Tensor> inputs, List<Tensor> outputs, List<Tensor> gradOutputs) {
  public Tensor input(int i) {
    return inputs.get(i);
  }

  public Tensor output(int i) {
    return outputs.get(i);
  }

  /** The gradient of the only (or first) output; zeros if it took no part. */
  public Tensor gradOutput() {
    return gradOutput(0);
  }

  /** The gradient of output {@code i}; zeros if it took no part. */
  public Tensor gradOutput(int i) {
    Tensor g = gradOutputs.get(i);
    return g != null ? g : Tensor.zeros(outputs.get(i).dtype(), outputs.get(i).shape());
  }

  /** Whether a gradient is wanted for input {@code i}. */
  public boolean needs(int i) {
    return inputs.get(i).requiresGrad();
  }
}
