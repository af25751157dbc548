package dev.tenon.engine.op;

import dev.tenon.engine.DType;
import dev.tenon.engine.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Converts to another type: floats round to nearest even, integers truncate, booleans are {@code x != 0}. Takes any number of tensors of
 * one type, such as all weights of a network, each of which becomes a result.
 */
public record Cast(DType to) implements Op {
  @Override
  public List<Spec> infer(List<Spec> inputs) {
    Check.that(!inputs.isEmpty(), this, "the number of operands", "at least 1", 0);
    List<Spec> results = new ArrayList<>();
    for (Spec input : inputs) {
      Check.dtype(this, "operand " + results.size(), inputs.getFirst().dtype(), input);
      results.add(new Spec(to, input.shape()));
    }
    return results;
  }

  @Override
  public void reference(List<Ref> inputs, List<Ref> outputs) {
    for (int i = 0; i < inputs.size(); i++) {
      System.arraycopy(inputs.get(i).v(), 0, outputs.get(i).v(), 0, outputs.get(i).size());
    }
  }

  @Override
  public List<Tensor> gradient(GradientCall call) {
    int[] wanted = IntStream.range(0, call.inputs().size()).filter(i -> call.needs(i) && call.gradOutputs().get(i) != null).toArray();
    List<Tensor> gradients = new ArrayList<>(Collections.nCopies(call.inputs().size(), null));
    if (wanted.length > 0) {
      List<Tensor> cast = new Cast(call.input(0).dtype()).applyAll(IntStream.of(wanted).mapToObj(call::gradOutput).toList());
      for (int i = 0; i < wanted.length; i++) {
        gradients.set(wanted[i], cast.get(i));
      }
    }
    return gradients;
  }

  @Override
  public Cost cost(List<Spec> inputs, List<Spec> outputs) {
    return Cost.of(0, inputs, outputs);
  }
}
