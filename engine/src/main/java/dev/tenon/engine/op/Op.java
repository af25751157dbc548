package dev.tenon.engine.op;

import dev.tenon.engine.Tensor;
import java.util.List;

/**
 * An operation on tensors. Every op is a record whose components are its attributes, and holds four things: shape and type
 * inference, the reference computation, the gradient in terms of ops, and the cost. Kernels choose by matching on the record.
 */
public interface Op {
  /**
   * The results' types and shapes.
   *
   * @throws dev.tenon.engine.TenonException naming op, operand, expected and given shape when the operands do not fit
   */
  List<Spec> infer(List<Spec> inputs);

  /** The definition: plain loops over doubles. {@code outputs} come zeroed in the inferred shapes. */
  void reference(List<Ref> inputs, List<Ref> outputs);

  /**
   * Gradients of the inputs, one entry an input, null where {@link GradientCall#needs} says none is wanted or none exists.
   *
   * @throws dev.tenon.engine.TenonException naming the op when it has no gradient
   */
  List<Tensor> gradient(GradientCall call);

  /** Flops and bytes for operands of these shapes. */
  Cost cost(List<Spec> inputs, List<Spec> outputs);

  /** The op's name in messages, traces and tables: the record's name in lower camel case. */
  default String name() {
    String simple = getClass().getSimpleName();
    return Character.toLowerCase(simple.charAt(0)) + simple.substring(1);
  }

  /** Applies the op and returns its only (or first) result. */
  default Tensor apply(Tensor... inputs) {
    return Dispatch.run(this, List.of(inputs)).getFirst();
  }

  /** Applies the op and returns all results. */
  default List<Tensor> applyAll(List<Tensor> inputs) {
    return Dispatch.run(this, inputs);
  }
}
