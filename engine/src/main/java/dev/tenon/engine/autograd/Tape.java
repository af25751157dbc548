package dev.tenon.engine.autograd;

import dev.tenon.engine.Scope;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.ByProducts;
import dev.tenon.engine.op.GradientCall;
import dev.tenon.engine.op.Op;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * The linear record of the differentiable calls made on this thread while it is open. {@link #backward} walks it once in reverse.
 *
 * <pre>{@code
 * try (Tape tape = Tape.record()) {
 *   Tensor loss = model.forward(x).…;
 *   Gradients gradients = tape.backward(loss);
 * }
 * }</pre>
 */
public final class Tape implements AutoCloseable {
  private static final ThreadLocal<Tape> CURRENT = new ThreadLocal<>();

  private final Tape outer;
  private final boolean recording;
  private final List<Entry> entries = new ArrayList<>();

  /** One recorded step: how outputs came from inputs, and the way back. */
  private record Entry(List<Tensor> inputs, List<Tensor> outputs, Rule rule) {}

  /**
   * Answers the gradients of a step's inputs from those of its outputs (null where an output took no part), unless it adds them to
   * {@code gradients} itself.
   */
  private interface Rule {
    List<Tensor> apply(List<Tensor> gradOutputs, Gradients gradients);
  }

  private Tape(boolean recording) {
    this.outer = CURRENT.get();
    this.recording = recording;
    CURRENT.set(this);
  }

  /** Starts recording on this thread. */
  public static Tape record() {
    return new Tape(true);
  }

  /** Stops recording on this thread until closed. */
  public static Tape pause() {
    return new Tape(false);
  }

  /** Whether a call on these operands is to be recorded now. */
  public static boolean records(List<Tensor> inputs) {
    if (!recording()) {
      return false;
    }
    for (Tensor input : inputs) {
      if (input.requiresGrad()) {
        return true;
      }
    }
    return false;
  }

  /** Whether calls of this thread are being recorded, if their operands ask for it. */
  public static boolean recording() {
    Tape tape = CURRENT.get();
    return tape != null && tape.recording;
  }

  /** The innermost tape of this thread, or null. */
  public static Tape current() {
    return CURRENT.get();
  }

  /** Adds a call at the end. */
  public void append(Op op, List<Tensor> inputs, List<Tensor> outputs) {
    entries.add(new Entry(inputs, outputs, (gradOutputs, _) -> {
      if (op instanceof ByProducts && gradOutputs.stream().skip(1).anyMatch(g -> g != null)) {
        throw new TenonException(op.name() + ": only its first result is differentiable; detach the others before using them");
      }
      List<Tensor> gradients = op.gradient(new GradientCall(inputs, outputs, gradOutputs));
      if (gradients.size() != inputs.size()) {
        throw new TenonException(
            op.name() + ": its gradient rule gave " + gradients.size() + " gradients for " + inputs.size() + " operands");
      }
      return gradients;
    }));
  }

  /** Gradients of a scalar with respect to every leaf that {@link Tensor#requiresGrad}. */
  public Gradients backward(Tensor loss) {
    if (loss.size() != 1) {
      throw new TenonException("backward needs a loss of one element, but this one has shape " + loss.shape());
    }
    return backward(Map.of(loss, Tensor.full(loss.dtype(), loss.shape(), 1)));
  }

  /** Gradients of {@code Σ output·seed} over the given outputs with respect to every leaf. */
  public Gradients backward(Map<Tensor, Tensor> seeds) {
    Gradients gradients = new Gradients();
    try (Tape _ = pause()) {
      seeds.forEach(gradients::add);
      walk(gradients);
    }
    return gradients;
  }

  /** Replaces the gradients of what was recorded by those of the leaves it came from. */
  private void walk(Gradients gradients) {
    for (Entry entry : entries.reversed()) {
      List<Tensor> gradOutputs = new ArrayList<>(entry.outputs.size());
      entry.outputs.forEach(o -> gradOutputs.add(gradients.take(o)));
      if (gradOutputs.stream().allMatch(g -> g == null)) {
        continue;
      }
      List<Tensor> gradInputs = entry.rule.apply(gradOutputs, gradients);
      for (int i = 0; i < gradInputs.size(); i++) {
        if (gradInputs.get(i) != null && entry.inputs.get(i).requiresGrad()) {
          gradients.add(entry.inputs.get(i), gradInputs.get(i));
        }
      }
    }
  }

  /**
   * Runs {@code block} and keeps only its outputs; backward runs it again. Trades time for memory. The block must compute the
   * same both times, and may use leaves of its own besides {@code inputs}.
   */
  public static List<Tensor> recompute(Function<List<Tensor>, List<Tensor>> block, List<Tensor> inputs) {
    Tape tape = CURRENT.get();
    if (tape == null || !tape.recording) {
      return block.apply(inputs);
    }
    List<Tensor> outputs;
    try (Scope inside = Scope.open(); Tape _ = pause()) {
      outputs = block.apply(inputs).stream().map(inside::keep).map(Tape::following).toList();
    }
    tape.entries.add(new Entry(inputs, outputs, (gradOutputs, gradients) -> rerun(block, inputs, gradOutputs, gradients)));
    return outputs;
  }

  private static Tensor following(Tensor t) {
    return new Tensor(t.storage(), t.layout(), t.dtype(), t.dtype().isFloating());
  }

  /** Records the block again and walks it as if it had always been recorded, so that gradients add up in the same order. */
  private static List<Tensor> rerun(
      Function<List<Tensor>, List<Tensor>> block, List<Tensor> inputs, List<Tensor> gradOutputs, Gradients gradients) {
    try (Scope inside = Scope.open(); Tape inner = record()) {
      List<Tensor> outputs = block.apply(inputs);
      try (Tape _ = pause()) {
        for (int i = 0; i < outputs.size(); i++) {
          if (gradOutputs.get(i) != null && outputs.get(i).requiresGrad()) {
            gradients.add(outputs.get(i), gradOutputs.get(i));
          }
        }
        inner.walk(gradients);
      }
      gradients.forEach((_, gradient) -> inside.keep(gradient));
      return List.of();
    }
  }

  @Override
  public void close() {
    if (CURRENT.get() != this) {
      throw new IllegalStateException("tapes must be closed in the reverse order of opening, on their own thread");
    }
    entries.clear();
    CURRENT.set(outer);
    if (outer == null) {
      CURRENT.remove();
    }
  }
}
