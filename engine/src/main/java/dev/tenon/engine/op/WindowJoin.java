package dev.tenon.engine.op;

import dev.tenon.engine.Shape;
import dev.tenon.engine.Tensor;
import java.util.List;

/** The reverse of {@link WindowSplit}: [B · windows, tokens, C] gives [B, H, W, C]; what stood for zeros is dropped. */
public record WindowJoin(Windows windows) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Spec x = Check.count(this, inputs, 1).getFirst();
    Check.that(x.rank() == 3 && x.dim(0) % windows.count() == 0 && x.dim(1) == windows.tokens(), this, "x",
        "[a multiple of " + windows.count() + ", " + windows.tokens() + ", C]", x);
    return List.of(x.with(Shape.of(x.dim(0) / windows.count(), windows.rows(), windows.columns(), x.dim(2))));
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref y = outputs.getFirst();
    int channels = y.dim(3);
    int pixels = windows.rows() * windows.columns();
    for (int i = 0; i < y.dim(0) * pixels; i++) {
      int from = i / pixels * windows.count() * windows.tokens() + windows.place(i % pixels);
      System.arraycopy(inputs.getFirst().v(), from * channels, y.v(), i * channels, channels);
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    return List.of(new WindowSplit(windows).apply(call.gradOutput()));
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(0, inputs, outputs);
  }
}
