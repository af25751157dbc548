package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.List;

/**
 * Puts patches back and sums where they overlap, the transpose of {@link Unfold}: columns [B, C·kernelH·kernelW, positions] give
 * [B, C, height, width].
 */
public record Fold(Window2d window, int height, int width) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec columns = Check.count(this, inputs, 1).getFirst();
    Check.floating(this, "columns", columns);
    Check.rank(this, "columns", 3, columns);
    int taps = window.kernelH() * window.kernelW();
    Spec image = columns.with(Shape.of(columns.dim(0), columns.dim(1) / taps, height, width));
    Spec expected = columns.with(Unfold.columns(this, window, image));
    Check.that(columns.equals(expected), this, "columns", expected.toString(), columns);
    return List.of(image);
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    double[] x = inputs.getFirst().v();
    double[] y = outputs.getFirst().v();
    Unfold.visit(window, outputs.getFirst().shape(), (image, column) -> y[image] += x[column]);
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(new Unfold(window).apply(call.gradOutput()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(inputs.getFirst().shape().size(), inputs, outputs);
  }
}
