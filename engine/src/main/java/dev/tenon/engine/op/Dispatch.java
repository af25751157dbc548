package dev.tenon.engine.op;

import dev.tenon.engine.Layout;
import dev.tenon.engine.Plan;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Storage;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Tape;
import dev.tenon.engine.kernel.Call;
import dev.tenon.engine.kernel.Kernel;
import dev.tenon.engine.trace.OpEvent;
import java.util.ArrayList;
import java.util.List;

/** The one path every op takes: infer, allocate, select a kernel, launch, record. */
final class Dispatch {
  private Dispatch() {}

  static List<Tensor> run(Op op, List<Tensor> inputs) {
    List<Spec> specs = specs(inputs);
    List<Spec> results = op.infer(specs);
    sameDevice(op, inputs);
    boolean recorded = isDifferentiable(op, results) && Tape.records(inputs);
    List<Tensor> outputs = op instanceof ViewOp view
        ? view(view, specs.getFirst(), inputs.getFirst(), recorded)
        : compute(op, inputs, results, recorded);
    if (recorded) {
      Tape.current().append(op, inputs, outputs);
    }
    return outputs;
  }

  private static List<Spec> specs(List<Tensor> tensors) {
    List<Spec> specs = new ArrayList<>(tensors.size());
    for (Tensor t : tensors) {
      specs.add(new Spec(t.dtype(), t.shape()));
    }
    return specs;
  }

  /** Whether a loss can depend on the results by more than their choice: a real number is among them that is not an update. */
  private static boolean isDifferentiable(Op op, List<Spec> results) {
    if (op instanceof Updating) {
      return false;
    }
    for (Spec result : results) {
      if (result.dtype().isFloating()) {
        return true;
      }
    }
    return false;
  }

  private static List<Tensor> view(ViewOp op, Spec spec, Tensor input, boolean recorded) {
    List<Layout> layouts = op.views(spec, input.layout());
    List<Tensor> outputs = new ArrayList<>(layouts.size());
    for (Layout layout : layouts) {
      outputs.add(new Tensor(input.storage(), layout, input.dtype(), recorded));
    }
    return outputs;
  }

  private static List<Tensor> compute(
      Op op, List<Tensor> inputs, List<Spec> results, boolean recorded) {
    List<Tensor> outputs = new ArrayList<>(results.size());
    for (int i = 0; i < results.size(); i++) {
      outputs.add(op instanceof Updating updating
          ? inputs.get(updating.updates(i))
          : allocate(op, inputs, results.get(i), recorded));
    }
    launch(new Call(op, inputs, outputs));
    return outputs;
  }

  private static Tensor allocate(Op op, List<Tensor> inputs, Spec result, boolean recorded) {
    Scope scope = Scope.current();
    var backend = inputs.isEmpty() ? scope.backend() : inputs.getFirst().storage().backend();
    Storage storage;
    try {
      storage = Plan.isRecording() ? Plan.placeholder(backend, result.bytes()) : backend.allocate(result.bytes());
    } catch (TenonException e) {
      throw new TenonException("result " + result + " of " + op + " on " + backend.device() + ": " + e.getMessage(), e);
    }
    scope.adopt(storage);
    return new Tensor(
        storage, Layout.contiguous(result.shape()), result.dtype(), recorded && result.dtype().isFloating());
  }

  private static void launch(Call call) {
    var backend = call.output(0).storage().backend();
    Kernel kernel = backend.kernels().select(call);
    if (Plan.isRecording()) {
      Plan.record(call, kernel);
      return;
    }
    OpEvent event = new OpEvent();
    event.begin();
    kernel.launch(call);
    event.tell(List.of(call), kernel);
  }

  private static void sameDevice(Op op, List<Tensor> inputs) {
    for (Tensor t : inputs) {
      if (t.storage().backend() != inputs.getFirst().storage().backend()) {
        throw new TenonException(
            op.name() + ": operands are on " + inputs.getFirst().device() + " and " + t.device()
                + "; move them to one device first");
      }
    }
  }
}
