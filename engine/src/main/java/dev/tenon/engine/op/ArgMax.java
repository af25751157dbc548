package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import java.util.List;

/** The position (I64) of the first largest element along one dimension, which stays with extent 1 under {@code keepDim}. */
public record ArgMax(int axis, boolean keepDim) implements NoGradient {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 1).getFirst();
    int a = Lanes.axis(this, axis, "x", x);
    Check.that(x.dim(a) > 0, this, "x", "of at least one element along dimension " + a, x);
    return List.of(new Spec(DType.I64, keepDim ? x.shape().with(a, 1) : x.shape().without(a)));
  }

  /** Whether a later element replaces the leader: only if it is larger, where a NaN is larger than any number. */
  public static boolean beats(double rival, double leader) {
    return rival > leader || Double.isNaN(rival) && !Double.isNaN(leader);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] x = inputs.getFirst().v();
    Lanes lanes = Lanes.of(inputs.getFirst().shape(), axis);
    for (int lane = 0; lane < lanes.count(); lane++) {
      int best = 0;
      for (int i = 1; i < lanes.length(); i++) {
        best = beats(x[lanes.at(lane, i)], x[lanes.at(lane, best)]) ? i : best;
      }
      outputs.getFirst().v()[lane] = best;
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(inputs.getFirst().shape().size(), inputs, outputs);
  }
}
