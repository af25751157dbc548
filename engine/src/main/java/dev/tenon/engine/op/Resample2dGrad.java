package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.List;

/** The transpose of {@link Resample2d}, and so its gradient: gradOutput [B, C, H', W'] gives [B, C, height, width]. */
public record Resample2dGrad(Resample2d forward, int height, int width) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec g = Check.count(this, inputs, 1).getFirst();
    Check.floating(this, "gradOutput", g);
    Check.rank(this, "gradOutput", 4, g);
    Spec x = g.with(g.shape().with(2, height).with(3, width));
    Shape expected = Resample2d.resampled(this, forward.rows(), forward.columns(), x);
    Check.that(g.shape().equals(expected), this, "gradOutput", "of shape " + expected, g);
    return List.of(x);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Taps rows = forward.rows().taps(height).transposed();
    Taps columns = forward.columns().taps(width).transposed();
    Resample2d.weigh(inputs.getFirst().v(), rows, columns, outputs.getFirst().v());
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(forward.apply(call.gradOutput()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(forward.products(outputs.getFirst().shape()), inputs, outputs);
  }
}
