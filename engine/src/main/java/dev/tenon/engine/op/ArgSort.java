package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** The positions (I64) that sort each lane along one dimension; equal elements keep their order, a NaN is the largest. */
public record ArgSort(int axis, boolean descending) implements NoGradient {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 1).getFirst();
    Lanes.axis(this, axis, "x", x);
    return List.of(new Spec(DType.I64, x.shape()));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] x = inputs.getFirst().v();
    Lanes lanes = Lanes.of(inputs.getFirst().shape(), axis);
    for (int lane = 0; lane < lanes.count(); lane++) {
      int line = lane;
      // Adding zero makes -0 equal to 0, which Double.compare tells apart.
      Comparator<Integer> ascending = Comparator.comparingDouble(i -> x[lanes.at(line, i)] + 0.0);
      int[] order = IntStream.range(0, lanes.length()).boxed()
          .sorted(descending ? ascending.reversed() : ascending)
          .mapToInt(i -> i).toArray();
      for (int i = 0; i < order.length; i++) {
        outputs.getFirst().v()[lanes.at(lane, i)] = order[i];
      }
    }
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    Spec x = inputs.getFirst();
    return Cost.of(x.shape().size() * Math.log(Math.max(2, x.dim(axis))) / Math.log(2), inputs, outputs);
  }
}
