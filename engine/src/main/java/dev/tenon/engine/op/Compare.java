package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import java.util.List;

/** Whether a relation holds between two elements, for each pair; operands broadcast, the result is BOOL. */
public record Compare(Relation relation) implements NoGradient {
  /** The relations; as in IEEE 754 all but NE are false for a NaN. */
  public enum Relation {
    EQ,
    NE,
    LT,
    LE,
    GT,
    GE
  }

  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.count(this, inputs, 2);
    Spec x = inputs.get(0);
    Check.dtype(this, "y", x.dtype(), inputs.get(1));
    return List.of(new Spec(DType.BOOL, Binary.broadcast(this, x.shape(), inputs.get(1).shape())));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref out = outputs.getFirst();
    int[] xi = Strides.broadcast(inputs.get(0).shape(), out.shape());
    int[] yi = Strides.broadcast(inputs.get(1).shape(), out.shape());
    for (int i = 0; i < out.size(); i++) {
      out.v()[i] = holds(inputs.get(0).v()[xi[i]], inputs.get(1).v()[yi[i]]) ? 1 : 0;
    }
  }

  /** Whether {@code x} stands in the relation to {@code y}. */
  public boolean holds(double x, double y) {
    return switch (relation) {
      case EQ -> x == y;
      case NE -> x != y;
      case LT -> x < y;
      case LE -> x <= y;
      case GT -> x > y;
      case GE -> x >= y;
    };
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(outputs.getFirst().shape().size(), inputs, outputs);
  }
}
