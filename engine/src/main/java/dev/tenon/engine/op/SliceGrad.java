package dev.tenon.engine.op;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Tensor;
import java.util.List;

/** Puts a slice back into a zero tensor with {@code extent} elements along {@code axis}; the reverse of {@link Slice}. */
public record SliceGrad(int axis, long from, long to, long step, long extent) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec g = Check.count(this, inputs, 1).getFirst();
    Check.that(axis >= 0 && axis < g.rank(), this, "gradOutput", "of a rank above " + axis, g);
    Spec x = g.with(g.shape().with(axis, extent));
    Spec slice = new Slice(axis, from, to, step).infer(List.of(x)).getFirst();
    Check.that(g.equals(slice), this, "gradOutput", slice.toString(), g);
    return List.of(x);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref out = outputs.getFirst();
    int[] at = Strides.indices(Layout.contiguous(out.shape()).slice(axis, from, to, step));
    for (int i = 0; i < at.length; i++) {
      out.v()[at[i]] = inputs.getFirst().v()[i];
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(new Slice(axis, from, to, step).apply(call.gradOutput()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(0, inputs, outputs);
  }
}
