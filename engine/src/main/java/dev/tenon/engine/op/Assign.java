package dev.tenon.engine.op;

import java.util.List;

/** Writes a value over a tensor, in place: state that goes from one step to the next. Operands: the tensor, the value, both alike. */
public record Assign() implements Updating {
  @Override
  public int updates(int output) {
    return 0;
  }

  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, 2);
    Check.that(inputs.get(1).equals(inputs.get(0)), this, "value", "alike: " + inputs.get(0), inputs.get(1));
    return List.of(inputs.get(0));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    System.arraycopy(inputs.get(1).v(), 0, outputs.getFirst().v(), 0, outputs.getFirst().size());
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(0, List.of(inputs.get(1)), outputs);
  }
}
