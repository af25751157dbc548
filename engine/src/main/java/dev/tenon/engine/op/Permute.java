package dev.tenon.engine.op;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Tensor;
import java.util.List;
import java.util.stream.IntStream;

/** Reorders dimensions: dimension {@code i} of the result is dimension {@code order.get(i)} of the input. */
public record Permute(List<Integer> order) implements ViewOp {
  public static Permute of(int... order) {
    return new Permute(IntStream.of(order).boxed().toList());
  }

  @Override
  public List<Layout> views(Spec input, Layout layout) {
    List<Integer> all = IntStream.range(0, input.rank()).boxed().toList();
    Check.that(order.stream().sorted().toList().equals(all), this, "x", "of a rank that " + order + " permutes", input);
    return List.of(layout.permute(order.stream().mapToInt(i -> i).toArray()));
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    int[] inverse = IntStream.range(0, order.size()).map(order::indexOf).toArray();
    return List.of(call.gradOutput().permute(inverse));
  }
}
