package dev.tenon.training.optim;

import dev.tenon.engine.DType;
import dev.tenon.engine.Scope;
import dev.tenon.engine.Shape;
import dev.tenon.engine.TenonException;
import dev.tenon.engine.Tensor;
import dev.tenon.engine.autograd.Gradients;
import dev.tenon.engine.op.OptimizerStep;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Trains parameters in place by a {@link Rule}; holds what the rule remembers of each of them, for checkpoints too. */
public final class Optimizer {
  private static final String STEP = "step";

  private final Rule rule;
  private final Map<String, Slot> slots = new LinkedHashMap<>();
  private long step;

  /** A parameter with what is remembered of it. */
  private record Slot(Tensor parameter, List<Tensor> state, double lrScale, boolean decays) {}

  /** What parameters have in common that are changed together. */
  private record Alike(OptimizerStep step, DType type) {}

  /**
   * Parameters that are trained alike.
   *
   * @param parameters leaves of the tape, by name
   * @param lrScale factor on the learning rate
   * @param decays whether weight decay applies to those of two or more dimensions; others, such as biases, never decay
   */
  public record Group(Map<String, Tensor> parameters, double lrScale, boolean decays) {}

  /**
   * An optimizer whose state lives in the current scope, which must outlive every step.
   *
   * @throws TenonException when two groups share a name
   */
  public Optimizer(Rule rule, List<Group> groups) {
    this.rule = rule;
    for (Group group : groups) {
      group.parameters().forEach((name, parameter) -> add(name, parameter, group));
    }
  }

  /** One group, full learning rate, with weight decay. */
  public Optimizer(Rule rule, Map<String, Tensor> parameters) {
    this(rule, List.of(new Group(parameters, 1, true)));
  }

  private void add(String name, Tensor parameter, Group group) {
    List<Tensor> state = rule.slots().stream().map(_ -> Tensor.zeros(type(parameter), parameter.shape()).copy()).toList();
    Slot slot = new Slot(parameter, state, group.lrScale(), group.decays() && parameter.rank() > 1);
    if (slots.put(name, slot) != null) {
      throw new TenonException("parameter '" + name + "' is in two groups; name it in one");
    }
  }

  /** The type of what is remembered of a parameter. */
  private static DType type(Tensor parameter) {
    return parameter.dtype() == DType.F64 ? DType.F64 : DType.F32;
  }

  /** The parameters by name, in the order of the groups. */
  public Map<String, Tensor> parameters() {
    Map<String, Tensor> result = new LinkedHashMap<>();
    slots.forEach((name, slot) -> result.put(name, slot.parameter));
    return result;
  }

  /** Steps taken so far. */
  public long steps() {
    return step;
  }

  /** Changes every parameter that has a gradient, in place, at learning rate {@code lr}. */
  public void step(Gradients gradients, double lr) {
    try (Scope _ = Scope.open()) {
      double[] rates = next(lr);
      apply(gradients, Tensor.of(type(), Shape.of(rates.length), rates));
    }
  }

  /** The type to tell {@link #apply} the rates in. */
  public DType type() {
    return slots.values().stream().map(slot -> type(slot.parameter)).max(Comparator.naturalOrder()).orElse(DType.F32);
  }

  /** Begins the next step; what it multiplies by at learning rate {@code lr}. */
  public double[] next(double lr) {
    step++;
    return rule.rates(lr, step);
  }

  /** Changes every parameter that has a gradient, in place, by what {@link #next} gave. */
  public void apply(Gradients gradients, Tensor rates) {
    try (Scope _ = Scope.open()) {
      Map<Alike, List<Tensor>> together = new LinkedHashMap<>();
      for (Slot slot : slots.values()) {
        Tensor gradient = gradients.of(slot.parameter);
        if (gradient != null) {
          DType type = type(slot.parameter);
          List<Tensor> operands = together.computeIfAbsent(new Alike(rule.update(slot.lrScale, slot.decays), type),
              _ -> new ArrayList<>(List.of(rates.cast(type))));
          operands.addAll(List.of(slot.parameter.detach(), gradient));
          operands.addAll(slot.state);
        }
      }
      together.forEach((alike, operands) -> alike.step.applyAll(operands));
    }
  }

  /** All that a resumed run needs: the state tensors themselves, as {@code SLOT.PARAMETER}, and the number of steps. */
  public Map<String, Tensor> state() {
    Map<String, Tensor> result = new LinkedHashMap<>();
    result.put(STEP, Tensor.of(new long[] {step}, 1));
    slots.forEach((name, slot) -> {
      for (int i = 0; i < slot.state.size(); i++) {
        result.put(rule.slots().get(i) + "." + name, slot.state.get(i));
      }
    });
    return result;
  }

  /**
   * Goes on from an earlier {@link #state}.
   *
   * @throws TenonException naming the tensor that is missing or has another shape or type
   */
  public void restore(Map<String, Tensor> saved) {
    Map<String, Tensor> own = state();
    own.forEach((name, tensor) -> requireSame(name, tensor, saved.get(name)));
    own.forEach((name, tensor) ->
        tensor.storage().backend().upload(saved.get(name).contiguous().bytes(), tensor.storage(), 0));
    step = (long) saved.get(STEP).item();
  }

  private static void requireSame(String name, Tensor own, Tensor saved) {
    if (saved == null) {
      throw new TenonException("the optimizer state has no '" + name + "'; resume with the optimizer that saved it");
    }
    Shape shape = saved.shape();
    if (!shape.equals(own.shape()) || saved.dtype() != own.dtype()) {
      throw new TenonException("optimizer state '" + name + "' is " + saved.dtype() + " " + shape + " but should be "
          + own.dtype() + " " + own.shape() + "; resume with the model that saved it");
    }
  }
}
