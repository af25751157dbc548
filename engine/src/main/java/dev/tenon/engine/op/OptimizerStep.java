package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import java.util.ArrayList;
import java.util.List;

/**
 * A step of an optimizer, in place, over any number of parameters: a network has hundreds, most of them so small that to start a kernel
 * for each takes longer than the arithmetic.
 *
 * <p>Operands: the rates, and then for each parameter p, its gradient, and what is remembered of it; all of one parameter have its shape.
 * Results: for each parameter p and what is remembered, over their old values. What differs from step to step is an operand, so that a
 * recorded step can be repeated.
 */
public sealed interface OptimizerStep extends Updating permits AdamW, Sgd, Average {
  /** Where the rates are among the operands. */
  int RATES = 0;
  /** The operands before those of the first parameter. */
  int FIRST = 1;

  /** How many rates there are. */
  int rates();

  /** How many tensors are remembered of each parameter. */
  int slots();

  /** Operations an element takes. */
  int flops();

  /** Steps one parameter: {@code in} is p, the gradient and what is remembered, {@code out} p and what is remembered. */
  void reference(double[] rates, List<Ref> in, List<Ref> out);

  /** Operands of each parameter. */
  default int each() {
    return slots() + 2;
  }

  /** How many parameters {@code operands} operands are of. */
  default int parameters(int operands) {
    return (operands - FIRST) / each();
  }

  /** The input that holds operand {@code operand} of parameter {@code parameter}; the parameter itself is operand 0, its gradient 1. */
  default int input(int parameter, int operand) {
    return FIRST + parameter * each() + operand;
  }

  @Override
  default int updates(int output) {
    int which = output % (each() - 1);
    return input(output / (each() - 1), which == 0 ? 0 : which + 1);
  }

  @Override
  default List<Spec> infer(List<Spec> inputs) {
    int count = inputs.size();
    Check.that(count > FIRST && (count - FIRST) % each() == 0, this, "the number of operands", FIRST + " and " + each() + " a parameter",
        count);
    for (int i = 0; i < count; i++) {
      Check.floating(this, "operand " + i, inputs.get(i));
      Shape wanted = i == RATES ? Shape.of(rates()) : inputs.get(input(parameters(i), 0)).shape();
      Check.that(inputs.get(i).shape().equals(wanted), this, "operand " + i, "of the shape " + wanted, inputs.get(i));
    }
    List<Spec> results = new ArrayList<>();
    for (int i = 0; i < parameters(count) * (each() - 1); i++) {
      results.add(inputs.get(updates(i)));
    }
    return results;
  }

  @Override
  default void reference(List<Ref> inputs, List<Ref> outputs) {
    int results = each() - 1;
    for (int i = 0; i < parameters(inputs.size()); i++) {
      reference(inputs.get(RATES).v(), inputs.subList(input(i, 0), input(i + 1, 0)), outputs.subList(i * results, (i + 1) * results));
    }
  }

  @Override
  default Cost cost(List<Spec> inputs, List<Spec> outputs) {
    double elements = 0;
    for (int i = 0; i < parameters(inputs.size()); i++) {
      elements += inputs.get(input(i, 0)).shape().size();
    }
    return Cost.of(flops() * elements, inputs, outputs);
  }
}
