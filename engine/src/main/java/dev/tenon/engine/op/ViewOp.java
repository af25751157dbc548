package dev.tenon.engine.op;

import dev.tenon.engine.Layout;
import java.util.List;

/** An op that only looks at its one input's memory differently: nothing is computed and nothing copied. */
public interface ViewOp extends Op {
  /** The results' layouts over the input's storage. */
  List<Layout> views(Spec input, Layout layout);

  @Override
  default List<Spec> infer(List<Spec> inputs) {
    Spec in = Check.count(this, inputs, 1).getFirst();
    return views(in, Layout.contiguous(in.shape())).stream().map(l -> in.with(l.shape())).toList();
  }

  @Override
  default void reference(List<Ref> inputs, List<Ref> outputs) {
    Ref in = inputs.getFirst();
    List<Layout> views = views(new Spec(in.dtype(), in.shape()), Layout.contiguous(in.shape()));
    for (int i = 0; i < views.size(); i++) {
      Strides.gather(in.v(), views.get(i), outputs.get(i).v());
    }
  }

  @Override
  default Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.NONE;
  }
}
