package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.List;

/** The windows of maps: [B, H, W, C] gives [B · windows, tokens, C], in one copy whatever is moved and padded. */
public record WindowSplit(Windows windows) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 1).getFirst();
    Check.that(x.rank() == 4 && x.dim(1) == windows.rows() && x.dim(2) == windows.columns(), this, "x",
        "[B, " + windows.rows() + ", " + windows.columns() + ", C]", x);
    return List.of(x.with(Shape.of(x.dim(0) * windows.count(), windows.tokens(), x.dim(3))));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref x = inputs.getFirst();
    Ref y = outputs.getFirst();
    int channels = x.dim(3);
    int pixels = windows.rows() * windows.columns();
    for (int i = 0; i < y.dim(0) * y.dim(1); i++) {
      int pixel = windows.pixel(i / windows.tokens() % windows.count(), i % windows.tokens());
      if (pixel >= 0) {
        int image = i / windows.tokens() / windows.count();
        System.arraycopy(x.v(), (image * pixels + pixel) * channels, y.v(), i * channels, channels);
      }
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(new WindowJoin(windows).apply(call.gradOutput()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(0, inputs, outputs);
  }
}
