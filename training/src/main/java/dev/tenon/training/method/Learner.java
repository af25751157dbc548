package dev.tenon.training.method;

import dev.tenon.engine.Tensor;
import java.util.Map;

/** A network as a method trains it: what it answers, and what of it learns. */
public interface Learner {
  /**
   * Answers of the network.
   *
   * @param images [batch, 3, height, width], normalized
   * @param alpha how far the router has faded: 0 is the full router, 1 the plain network; ignored where there is none
   * @return logits [batch, classes] over the union of all tasks
   */
  Tensor logits(Tensor images, double alpha);

  /** The tensors that learn, by name; leaves of the tape. */
  Map<String, Tensor> trainable();
}
