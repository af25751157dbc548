package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.Arrays;
import java.util.List;

/** x with whole slices of src added where index (I64, any rank) points along one dimension. Operands: x, index, src. */
public record IndexAdd(int axis) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 3).getFirst();
    Shape selected = IndexSelect.selected(this, axis, x, inputs.get(1));
    Check.that(inputs.get(2).equals(x.with(selected)), this, "src", x.with(selected).toString(), inputs.get(2));
    return List.of(x);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] y = outputs.getFirst().v();
    System.arraycopy(inputs.get(0).v(), 0, y, 0, y.length);
    int[] to = IndexSelect.sources(this, axis, inputs.get(0).shape(), inputs.get(1));
    for (int i = 0; i < to.length; i++) {
      y[to[i]] += inputs.get(2).v()[i];
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    Tensor g = call.gradOutput();
    return Arrays.asList(g, null, call.needs(2) ? new IndexSelect(axis).apply(g, call.input(1)) : null);
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(inputs.get(2).shape().size(), inputs, outputs);
  }
}
