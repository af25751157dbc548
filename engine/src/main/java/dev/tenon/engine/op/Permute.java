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
    if (!permutes(input.rank())) {
      Check.that(false, this, "x", "of a rank that " + order + " permutes", input);
    }
    int[] dims = new int[order.size()];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = order.get(i);
    }
    return List.of(layout.permute(dims));
  }

  private boolean permutes(int rank) {
    for (int i = 0; i < rank; i++) {
      if (!order.contains(i)) {
        return false;
      }
    }
    return order.size() == rank;
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    int[] inverse = IntStream.range(0, order.size()).map(order::indexOf).toArray();
    return List.of(call.gradOutput().permute(inverse));
  }
}
