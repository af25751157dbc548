package dev.tenon.engine.op;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import java.util.List;

/** An op whose results are not differentiable (indices, comparisons) or which is itself a gradient computation. */
public interface NoGradient extends Op {
  @Override
  default List<Tensor> gradient(GradientCall call) {
    throw new TenonException(
        name() + " has no gradient; detach its inputs, or keep it out of what is differentiated");
  }
}
