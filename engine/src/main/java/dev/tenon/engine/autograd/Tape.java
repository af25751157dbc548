package dev.tenon.engine.autograd;

import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.op.GradientCall;
import dev.tenon.engine.op.Op;
import java.util.ArrayList;
import java.util.HashMap;
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

  /** Answers the gradients of a step's inputs from those of its outputs (null where an output took no part). */
  private interface Rule {
    List<Tensor> apply(List<Tensor> gradOutputs, Gradients leaves);
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
    Tape tape = CURRENT.get();
    return tape != null && tape.recording && inputs.stream().anyMatch(Tensor::requiresGrad);
  }

  /** The innermost tape of this thread, or null. */
  public static Tape current() {
    return CURRENT.get();
  }

  /** Adds a call at the end. */
  public void append(Op op, List<Tensor> inputs, List<Tensor> outputs) {
    entries.add(new Entry(inputs, outputs, (gradOutputs, _) -> {
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
    try (Tape _ = pause()) {
      Gradients gradients = new Gradients();
      seeds.forEach(gradients::add);
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
      return gradients;
    }
  }

  /**
   * Runs {@code block} without keeping what happens inside; backward runs it again. Trades time for memory. The block must
   * compute the same both times, and may use leaves of its own besides {@code inputs}.
   */
  public static List<Tensor> recompute(Function<List<Tensor>, List<Tensor>> block, List<Tensor> inputs) {
    Tape tape = CURRENT.get();
    if (tape == null || !tape.recording) {
      return block.apply(inputs);
    }
    List<Tensor> outputs;
    try (Tape _ = pause()) {
      outputs = block.apply(inputs).stream().map(Tape::following).toList();
    }
    tape.entries.add(new Entry(inputs, outputs, (gradOutputs, leaves) -> rerun(block, inputs, gradOutputs, leaves)));
    return outputs;
  }

  private static Tensor following(Tensor t) {
    return new Tensor(t.storage(), t.layout(), t.dtype(), true);
  }

  private static List<Tensor> rerun(
      Function<List<Tensor>, List<Tensor>> block, List<Tensor> inputs, List<Tensor> gradOutputs, Gradients leaves) {
    try (Tape inner = record()) {
      List<Tensor> copies = inputs.stream().map(t -> t.requiresGrad() ? t.withGrad() : t).toList();
      List<Tensor> outputs = block.apply(copies);
      Map<Tensor, Tensor> seeds = new HashMap<>();
      for (int i = 0; i < outputs.size(); i++) {
        if (gradOutputs.get(i) != null) {
          seeds.put(outputs.get(i), gradOutputs.get(i));
        }
      }
      Gradients gradients = inner.backward(seeds);
      List<Tensor> gradInputs = new ArrayList<>();
      copies.forEach(c -> gradInputs.add(gradients.take(c)));
      gradients.forEach(leaves::add);
      return gradInputs;
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
